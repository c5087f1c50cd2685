"""Races, each with a control that shows it: without its guard the same race is lost."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial
from typing import Any

from slotkeeper.adapters.mongo.documents import SLOTS
from slotkeeper.adapters.mongo.slots import MongoSlots
from slotkeeper.domain.errors import (
    AppointmentError,
    HoldExpired,
    OtpInvalid,
    OtpLocked,
    SlotHeld,
)
from slotkeeper.domain.slot import SlotStatus
from slotkeeper.ports.slots import SlotDecision
from tests.concurrency.at_once import at_once
from tests.support.house import House


class ReadThenWrite(MongoSlots):
    """The control: decides on what it read a moment ago, as a system without the guard would.

    `everybody` makes all of them read before any of them writes.
    """

    def __init__(self, house: House, everybody: threading.Barrier):
        super().__init__(house.database, house.policy)
        self._everybody = everybody

    def _change(self, slot_id: str, condition: Any, changes: Any) -> Any:
        pipeline = [{"$match": {"_id": slot_id}}, {"$project": {"decided": condition}}]
        [seen] = self._slots.aggregate(pipeline)
        self._everybody.wait()
        return super()._change(slot_id, {"$literal": seen["decided"]}, changes)


# --- hold against hold ----------------------------------------------------------------------------


def test_fifty_patients_at_once_get_one_hold_between_them(house: House) -> None:
    slot, patients = house.slot(), [house.patient() for _ in range(50)]

    results = at_once([partial(house.hold, slot, p) for p in patients])

    won = [result for result in results if isinstance(result, str)]
    assert len(won) == 1
    assert sum(isinstance(result, SlotHeld) for result in results) == 49
    assert house.document(slot)["hold"]["attemptId"] == won[0]
    assert house.redis.get(house.keys.lock(slot)) == won[0]
    assert len(house.queue.codes) == 1
    assert [k for k in house.redis_keys() if k.startswith("otp:")] == [
        f"otp:user:{house.document(slot)['hold']['userId']}:{won[0]}"
    ]


def test_without_redis_s_lock_the_slot_alone_still_lets_one_in(house: House) -> None:
    slot = house.slot()

    results = at_once([partial(_place, house.slots, slot, n) for n in range(50)])

    made = [r for r in results if isinstance(r, SlotDecision) and r.made]
    assert len(made) == 1


def test_control_without_the_conditional_update_several_hold_the_slot(house: House) -> None:
    slot = house.slot()
    unguarded = ReadThenWrite(house, threading.Barrier(10))

    results = at_once([partial(_place, unguarded, slot, n) for n in range(10)])

    made = [r for r in results if isinstance(r, SlotDecision) and r.made]
    assert len(made) > 1


def test_one_patient_s_many_tabs_hold_no_more_than_allowed(house: House) -> None:
    doctor, alice = house.doctor(), house.patient()
    slots = [house.slot(doctor, starts_in=timedelta(days=day)) for day in range(1, 21)]

    results = at_once([partial(house.hold, s, alice) for s in slots])

    assert sum(isinstance(result, str) for result in results) == house.policy.max_live_holds
    held = house.database[SLOTS].count_documents({"hold.userId": alice})
    assert held == house.policy.max_live_holds


def test_the_same_request_sent_many_times_at_once_has_one_effect(house: House) -> None:
    slot, alice = house.slot(), house.patient()

    results = at_once([lambda: house.hold(slot, alice, "k" * 16) for _ in range(20)])

    answers = {result for result in results if isinstance(result, str)}
    refusals = {r.code for r in results if isinstance(r, AppointmentError)}
    assert len(answers) == 1
    assert refusals <= {"request_in_progress"}
    assert len(house.queue.codes) == 1


# --- verify against verify ------------------------------------------------------------------------


def test_twenty_verifies_at_once_make_one_booking(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    code = house.code(attempt, alice)

    results = at_once([lambda: house.verify(attempt, alice, code) for _ in range(20)])

    confirmed = [r for r in results if not isinstance(r, AppointmentError)]
    assert len(confirmed) == 20
    assert sum(confirmation.is_new for confirmation in confirmed) == 1
    assert len({confirmation.booking.id for confirmation in confirmed}) == 1
    assert len(house.bookings()) == len(house.events()) == len(house.audit()) == 1


def test_control_without_the_conditional_update_several_confirm(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    unguarded = ReadThenWrite(house, threading.Barrier(5))

    at_once([partial(_confirm, unguarded, slot, attempt, alice, n) for n in range(5)])

    booked = [fact["bookingId"] for fact in house.document(slot)["pendingEvents"]]
    assert len(set(booked)) > 1


def test_a_hundred_guesses_at_once_are_five(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    wrong = house.wrong_code(attempt, alice)

    results = at_once([lambda: house.verify(attempt, alice, wrong) for _ in range(100)])

    answered = [r.attempts_remaining for r in results if isinstance(r, OtpInvalid)]
    assert sorted(answered) == [0, 1, 2, 3, 4]
    assert sum(isinstance(result, OtpLocked) for result in results) == 95


# --- verify against expiry ------------------------------------------------------------------------


def test_a_slot_is_never_both_booked_and_freed(house: House) -> None:
    outcomes = {_verify_at_the_end_of_the_hold(house, round_) for round_ in range(60)}

    assert outcomes == {"booked", "freed"}, "the rounds must try both sides of the edge"


def _verify_at_the_end_of_the_hold(house: House, round_: int) -> str:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    code = house.code(attempt, alice)
    # Around the very end of the hold: now, or a few milliseconds from now.
    house.end_hold(slot, ago=timedelta(milliseconds=-round_))

    verified, *_ = at_once([lambda: house.verify(attempt, alice, code), house.sweep, house.sweep])
    house.end_hold_if_any(slot)
    house.sweep()

    events = [event["type"] for event in house.events(slotId=slot)]
    bookings = len(house.bookings(slotId=slot))
    if isinstance(verified, AppointmentError):
        assert isinstance(verified, HoldExpired)
        assert house.document(slot)["status"] == SlotStatus.ACTIVE
        assert (bookings, events) == (0, ["hold.expired"])
        return "freed"
    assert house.document(slot)["status"] == SlotStatus.BOOKED
    assert (bookings, events) == (1, ["booking.confirmed"])
    return "booked"


def test_control_a_sweep_that_trusts_what_it_read_frees_a_booked_slot(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    due = [house.document(slot)["_id"]]  # read: reserved, and about to end

    house.verify(attempt, alice)
    house.database[SLOTS].update_many({"_id": {"$in": due}}, {"$set": {"status": "active"}})

    assert house.document(slot)["status"] == "active"
    assert len(house.bookings(status="confirmed")) == 1


def test_a_slot_is_either_booked_or_released(house: House) -> None:
    for _ in range(30):
        _verify_and_release(house)


def _verify_and_release(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    code = house.code(attempt, alice)

    verified, released = at_once(
        [lambda: house.verify(attempt, alice, code), lambda: house.release(attempt, alice)]
    )

    was_booked = not isinstance(verified, AppointmentError)
    assert was_booked == isinstance(released, HoldExpired)
    assert house.document(slot)["status"] == ("booked" if was_booked else "active")
    assert len(house.bookings(slotId=slot)) == int(was_booked)


# --- relay against relay --------------------------------------------------------------------------


def test_relays_at_once_send_every_event_once(house: House) -> None:
    doctor = house.doctor()
    for day in range(1, 21):
        patient = house.patient()
        slot = house.slot(doctor, starts_in=timedelta(days=day))
        house.verify(house.hold(slot, patient), patient)

    at_once([house.relay for _ in range(8)])
    house.relay()

    sent = [event.id for event in house.queue.events]
    assert len(sent) == len(set(sent)) == 20


def test_control_relays_without_leases_send_events_twice(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    house.verify(house.hold(slot, alice), alice)
    everybody = threading.Barrier(4)

    def relay_without_lease() -> None:
        rows = list(house.database["outbox"].find({"unsent": True}))
        everybody.wait()
        sent.extend(row["_id"] for row in rows)

    sent: list[str] = []
    at_once([relay_without_lease for _ in range(4)])

    assert len(sent) > len(set(sent))


def _place(slots: MongoSlots, slot: str, number: int) -> SlotDecision:
    return slots.place_hold(
        slot,
        attempt_id=f"at-{number}",
        user_id=f"user-{number}",
        channel=None,
        request_id=f"request-{number}",
    )


def _confirm(slots: MongoSlots, slot: str, attempt: str, user: str, number: int) -> SlotDecision:
    return slots.confirm(
        slot,
        attempt_id=attempt,
        user_id=user,
        send_number=1,
        booking_id=f"bk-{number}",
        request_id=f"request-{number}",
    )
