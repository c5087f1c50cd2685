"""What the two schedules do: end holds, carry facts on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from slotkeeper.domain.attempt import booking_id
from slotkeeper.domain.errors import Unavailable
from tests.support.house import House


def test_the_sweep_frees_what_is_over_and_nothing_else(house: House) -> None:
    doctor, alice = house.doctor(), house.patient()
    over, live = house.slot(doctor), house.slot(doctor, starts_in=timedelta(days=3))
    attempt = house.hold(over, alice)
    kept = house.hold(live, alice)
    house.end_hold(over)

    sweep = house.sweep()

    assert sweep.expired == 1
    assert house.document(over)["status"] == "active"
    assert "hold" not in house.document(over)
    assert house.document(live)["hold"]["attemptId"] == kept
    assert house.redis.get(house.keys.lock(over)) is None
    assert house.redis.get(house.keys.code(alice, attempt)) is None
    assert house.redis.get(house.keys.lock(live)) == kept


def test_an_expired_hold_has_one_event_and_one_audit_entry_however_often_it_is_swept(
    house: House,
) -> None:
    slot, alice = house.slot(), house.patient()
    house.hold(slot, alice)
    house.end_hold(slot)

    for _ in range(3):
        house.sweep()
        house.relay()

    assert [event["type"] for event in house.events()] == ["hold.expired"]
    assert [(e["actor"], e["from"], e["to"]) for e in house.audit()] == [
        ("system", "reserved", "active")
    ]


def test_the_sweep_leaves_another_attempt_s_lock_alone(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    house.hold(slot, alice)
    house.end_hold(slot)
    house.redis.set(house.keys.lock(slot), "somebody-else")

    house.sweep()

    assert house.redis.get(house.keys.lock(slot)) == "somebody-else"


def test_a_swept_slot_can_be_booked_by_the_next_patient(house: House) -> None:
    slot, alice, bob = house.slot(), house.patient(), house.patient()
    house.hold(slot, alice)
    house.end_hold(slot)
    house.sweep()

    confirmation = house.verify(house.hold(slot, bob), bob)

    assert confirmation.is_new


def test_the_sweep_goes_on_in_batches_until_nothing_is_due(house: House) -> None:
    doctor = house.doctor()
    for number in range(205):
        slot = house.slot(doctor, starts_in=timedelta(days=2, minutes=number))
        user = f"user-{number}"
        house.slots.place_hold(
            slot, attempt_id=f"at-{number}", user_id=user, channel=None, request_id=f"r{number}"
        )
        house.end_hold(slot)

    sweep = house.sweep()

    assert sweep.expired == 205
    assert house.database["slots"].count_documents({"status": "reserved"}) == 0
    assert len(house.audit()) == 205


def test_the_relay_sends_every_event_once_and_marks_it(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    house.verify(attempt, alice)

    first, second = house.relay(), house.relay()

    assert (first.sent, second.sent) == (1, 0)
    [event] = house.queue.events
    assert (event.type, event.booking_id) == ("booking.confirmed", booking_id(attempt))
    [stored] = house.events()
    assert "sentAt" in stored
    assert "unsent" not in stored


def test_events_wait_in_the_outbox_while_the_queue_is_down(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    house.verify(house.hold(slot, alice), alice)
    house.queue.is_down = True
    with pytest.raises(Unavailable):
        house.relay()

    house.queue.is_down = False
    house.database["outbox"].update_many({}, {"$unset": {"leasedUntil": ""}})  # its lease is over
    relayed = house.relay()

    assert relayed.sent == 1


def test_an_event_leased_to_another_relay_is_not_sent_and_holds_back_its_booking_s_next(
    house: House,
) -> None:
    slot, alice = house.slot(), house.patient()
    house.verify(house.hold(slot, alice), alice)
    [first] = house.outbox.claim(limit=10)
    row = house.database["outbox"].find_one({"_id": first.id})
    assert row is not None
    later = {k: v for k, v in row.items() if k not in {"leaseId", "leasedUntil"}}
    house.database["outbox"].insert_one(
        {**later, "_id": f"{slot}-99", "at": row["at"] + timedelta(1)}
    )

    assert house.outbox.claim(limit=10) == []
    house.outbox.mark_sent([first])
    assert [event.id for event in house.outbox.claim(limit=10)] == [f"{slot}-99"]


def test_recorders_that_meet_leave_a_slot_as_usable_as_before(house: House) -> None:
    slot, alice, bob = house.slot(), house.patient(), house.patient()
    house.hold(slot, alice)
    house.end_hold(slot)
    house.slots.expire_due(limit=10, request_id="sweep")
    facts = [fact for _, fact in house.slots.unrecorded(limit=10)]

    house.slots.mark_recorded(facts)
    house.slots.mark_recorded(facts)
    house.redis.delete(house.keys.lock(slot))

    assert "pendingEvents" not in house.document(slot)
    attempt = house.hold(slot, bob)
    house.release(attempt, bob)
    assert house.document(slot)["status"] == "active"


def test_a_fact_the_database_refuses_keeps_no_other_back(house: House) -> None:
    doctor, alice, bob = house.doctor(), house.patient(), house.patient()
    broken, sound = house.slot(doctor), house.slot(doctor, starts_in=timedelta(days=3))
    house.database["bookings"].insert_one(
        {"_id": "stray", "doctorId": doctor, "slotId": broken, "status": "confirmed"}
    )
    for slot, patient in ((broken, alice), (sound, bob)):
        attempt = house.hold(slot, patient)
        house.slots.confirm(
            slot,
            attempt_id=attempt,
            user_id=patient,
            send_number=1,
            booking_id=booking_id(attempt),
            request_id=slot,
        )

    relayed = house.relay()

    assert (relayed.recorded, relayed.refused) == (1, 1)
    assert [b["userId"] for b in house.bookings(slotId=sound)] == [bob]
    assert sound in {event.slot_id for event in house.queue.events}
    assert "pendingEvents" in house.document(broken)


@pytest.mark.parametrize("how", ["relay", "sweep"])
@pytest.mark.parametrize("end", ["confirm", "release"])
def test_what_an_attempt_has_in_redis_goes_when_its_function_died(
    house: House, how: str, end: str
) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    who = {"attempt_id": attempt, "user_id": alice, "request_id": "died"}
    if end == "release":
        house.slots.release(slot, **who, actor=alice)
    else:
        house.slots.confirm(slot, send_number=1, booking_id=booking_id(attempt), **who)

    getattr(house, how)()

    assert house.redis_keys() == ["booking:attempt:"]
