"""Documents that cannot be read: set aside and told of, while everything else goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from bson import DatetimeMS, ObjectId, Timestamp
from bson.raw_bson import RawBSONDocument

from slotkeeper import asides
from slotkeeper.adapters.mongo.blocks import MongoSlotBlocks
from slotkeeper.adapters.mongo.booking_lists import MongoBookingLists
from slotkeeper.adapters.mongo.catalogue import MongoCatalogue
from slotkeeper.adapters.mongo.set_aside import MongoSetAside
from slotkeeper.adapters.mongo.timetables import MongoTimetables
from slotkeeper.domain.attempt import booking_id
from slotkeeper.domain.errors import Corrupted
from slotkeeper.domain.timetable import Asked, Period, TimeChange
from slotkeeper.domain.user import Caller, Role
from slotkeeper.ports.bookings import BookingFilter
from slotkeeper.ports.clinic import DoctorFilter
from slotkeeper.ports.slots import SlotFilter
from tests.support.house import House

SECRET = "+15559999 Alice"
"""Stands for whatever a document may hold: it must show nowhere."""
Met = dict[asides.Aside, None]


@pytest.fixture
def met() -> Iterator[Met]:
    """What was noted; nothing of what the documents held is in it."""
    with asides.collected() as found:
        yield found
    assert SECRET not in str(found)


def set_aside(house: House) -> list[tuple[str, str, str]]:
    return [(one.collection, one.id, one.what) for one in MongoSetAside(house.database).all()]


def confirm_without_recording(house: House, slot: str, user: str) -> str:
    """The booking that the slot alone knows of: as if the function died right after deciding."""
    attempt = house.hold(slot, user)
    house.slots.confirm(
        slot,
        attempt_id=attempt,
        user_id=user,
        send_number=1,
        booking_id=booking_id(attempt),
        request_id=attempt,
    )
    return booking_id(attempt)


def held_slots(house: House, count: int) -> list[str]:
    """Slots of one doctor, each held by somebody whose time is over."""
    doctor = house.doctor()
    slots = [house.slot(doctor, starts_in=timedelta(days=2 + number)) for number in range(count)]
    for slot in slots:
        house.hold(slot, house.patient())
        house.end_hold(slot)
    return slots


# --- the sweep ------------------------------------------------------------------------------------

BROKEN_HOLDS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no hold at all": lambda slot: slot.pop("hold"),
    "a hold that is no document": lambda slot: slot.update(hold=SECRET),
    "no end": lambda slot: slot["hold"].pop("expiresAt"),
    "an end that is a text": lambda slot: slot["hold"].update(expiresAt=SECRET),
    "nobody's": lambda slot: slot["hold"].pop("userId"),
    "of an attempt that is a number": lambda slot: slot["hold"].update(attemptId=7),
    "a version that is a text": lambda slot: slot.update(version=SECRET),
    "facts that are no list": lambda slot: slot.update(pendingEvents=SECRET),
}


def test_holds_that_cannot_be_read_are_set_aside_and_the_others_are_swept(
    house: House, met: Met
) -> None:
    sound, *broken = held_slots(house, 1 + len(BROKEN_HOLDS))
    damaged = {}
    for slot, damage in zip(broken, BROKEN_HOLDS.values(), strict=True):
        damaged[slot] = house.document(slot)
        damage(damaged[slot])
        house.database["slots"].replace_one({"_id": slot}, damaged[slot])

    first = house.sweep()
    second = house.sweep()

    assert (first.expired, second.expired) == (1, 0)
    assert house.document(sound)["status"] == "active"
    for slot, document in damaged.items():
        left = house.document(slot)
        assert left.pop("setAside")["why"]
        assert left == document
    assert sorted(set_aside(house)) == sorted(("slots", slot, "document") for slot in broken)
    assert sorted(one.id for one in met) == sorted(broken)


def test_a_slot_set_aside_is_nobody_s_to_hold_and_in_no_list(house: House, met: Met) -> None:
    doctor, alice = house.doctor(), house.patient()
    broken, sound = house.slot(doctor), house.slot(doctor, starts_in=timedelta(days=3))
    house.hold(broken, alice)
    house.database["slots"].update_one({"_id": broken}, {"$unset": {"hold": ""}})
    house.sweep()
    house.redis.delete(house.keys.lock(broken))

    with pytest.raises(Corrupted):
        house.hold(broken, house.patient())
    free = house.slots.free_slots(
        SlotFilter(doctor_id=doctor), now=datetime.now(UTC), after=None, skip=0, limit=10
    )

    assert [slot.id for slot in free] == [sound]
    assert house.document(broken)["status"] == "reserved"
    assert house.redis.get(house.keys.lock(broken)) is None


def test_more_broken_holds_than_a_batch_keep_no_sound_one_from_being_swept(
    house: House, met: Met
) -> None:
    doctor, alice = house.doctor(), house.patient()
    template = house.document(house.slot(doctor))
    house.database["slots"].insert_many(
        [
            {**template, "_id": f"{doctor}_{number}", "status": "reserved", "hold": {"bad": SECRET}}
            for number in range(250)
        ]
    )
    sound = house.slot(doctor, starts_in=timedelta(days=3))
    house.hold(sound, alice)
    house.end_hold(sound)

    house.sweep()

    assert house.document(sound)["status"] == "active"
    assert len(set_aside(house)) == 250


def test_a_slot_that_was_repaired_and_put_back_is_swept(house: House, met: Met) -> None:
    slot, alice = house.slot(), house.patient()
    house.hold(slot, alice)
    house.end_hold(slot)
    sound = house.document(slot)
    house.database["slots"].update_one({"_id": slot}, {"$set": {"hold.userId": 7}})
    house.sweep()
    house.database["slots"].update_one({"_id": slot}, {"$set": {"hold": sound["hold"]}})
    assert house.sweep().expired == 0

    put_back = MongoSetAside(house.database).put_back(slot)

    assert put_back == 1
    assert house.sweep().expired == 1
    assert set_aside(house) == []


# --- facts in slots -------------------------------------------------------------------------------

BROKEN_FACTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no attempt": lambda fact: fact.pop("attemptId"),
    "a type that is a number": lambda fact: fact.update(type=7),
    "a time that is a text": lambda fact: fact.update(at=SECRET),
    "a time out of range": lambda fact: fact.update(at=DatetimeMS(2**60)),
    "a version that is a list": lambda fact: fact.update(version=[SECRET]),
    "no actor": lambda fact: fact.pop("actor"),
}


def test_facts_that_cannot_be_read_are_set_aside_and_the_others_are_recorded(
    house: House, met: Met
) -> None:
    doctor, bob = house.doctor(), house.patient()
    sound, *broken = [
        house.slot(doctor, starts_in=timedelta(days=2 + number))
        for number in range(1 + len(BROKEN_FACTS))
    ]
    confirm_without_recording(house, sound, bob)
    for slot, damage in zip(broken, BROKEN_FACTS.values(), strict=True):
        confirm_without_recording(house, slot, house.patient())
        [fact] = house.document(slot)["pendingEvents"]
        damage(fact)
        house.database["slots"].update_one({"_id": slot}, {"$set": {"pendingEvents": [fact]}})

    relayed = [house.relay(), house.relay()]

    assert [(one.recorded, one.sent) for one in relayed] == [(1, 1), (0, 0)]
    assert [booking["userId"] for booking in house.bookings()] == [bob]
    assert sorted(set_aside(house)) == sorted(("slots", slot, "fact") for slot in broken)
    for slot in broken:
        assert "pendingEvents" not in house.document(slot)
        assert house.document(slot)["status"] == "booked"
    assert sorted(one.id for one in met) == sorted(broken)


def test_a_fact_that_is_no_document_is_set_aside(house: House, met: Met) -> None:
    slot = house.slot()
    house.database["slots"].update_one({"_id": slot}, {"$set": {"pendingEvents": [SECRET, None]}})

    house.sweep()

    assert set_aside(house) == [("slots", slot, "fact")] * 2


def test_facts_of_others_go_on_past_one_that_is_set_aside_and_those_of_its_booking_wait(
    house: House, met: Met
) -> None:
    slot, alice, bob = house.slot(), house.patient(), house.patient()
    first = house.book(slot, alice)
    confirmed = house.document(slot)["pendingEvents"]
    house.cancel(first.id, Caller(user_id=alice, role=Role.PATIENT))
    second = confirm_without_recording(house, slot, bob)
    facts = house.document(slot)["pendingEvents"]
    assert facts[0] == confirmed[0]
    facts[0]["from"] = 7
    house.database["slots"].update_one({"_id": slot}, {"$set": {"pendingEvents": facts}})

    house.sweep()

    assert house.bookings(_id=second)[0]["status"] == "confirmed"
    assert [mark["fact"]["type"] for mark in house.document(slot)["setAsideEvents"]] == [
        "booking.confirmed",
        "booking.cancelled",
    ]


def test_a_fact_that_was_repaired_and_put_back_is_recorded(house: House, met: Met) -> None:
    slot, alice = house.slot(), house.patient()
    booking = confirm_without_recording(house, slot, alice)
    rename = {"$rename": {"pendingEvents": "kept"}}
    house.database["slots"].update_one({"_id": slot}, rename)
    [sound] = house.document(slot)["kept"]
    broken = {**sound, "userId": None}
    house.database["slots"].update_one({"_id": slot}, {"$set": {"pendingEvents": [broken]}})
    house.sweep()
    assert house.bookings() == []
    repaired = {"setAsideEvents.0.fact.userId": alice}
    house.database["slots"].update_one({"_id": slot}, {"$set": repaired})

    MongoSetAside(house.database).put_back(slot)
    house.sweep()

    assert [found["_id"] for found in house.bookings()] == [booking]
    assert "setAsideEvents" not in house.document(slot)


def test_facts_of_a_later_version_are_left_for_code_that_knows_it(house: House, met: Met) -> None:
    slot, alice = house.slot(), house.patient()
    confirm_without_recording(house, slot, alice)
    house.database["slots"].update_one({"_id": slot}, {"$set": {"pendingEvents.0.v": 2}})
    before = house.document(slot)

    house.sweep()
    house.relay()

    assert house.document(slot) == before
    assert house.bookings() == house.events() == []
    assert not met


def test_a_fact_that_the_database_keeps_refusing_is_set_aside_after_a_while(
    house: House, met: Met
) -> None:
    slot, alice = house.slot(), house.patient()
    house.database["bookings"].insert_one(
        {"_id": "stray", "doctorId": slot.rpartition("_")[0], "slotId": slot, "status": "confirmed"}
    )
    confirm_without_recording(house, slot, alice)
    assert house.relay().refused == 1
    assert set_aside(house) == []

    earlier = datetime.now(UTC) - timedelta(minutes=11)
    house.database["slots"].update_one({"_id": slot}, {"$set": {"pendingEvents.0.at": earlier}})

    assert [house.relay().refused, house.relay().refused] == [1, 0]
    assert set_aside(house) == [("slots", slot, "fact")]


def test_a_booking_that_cannot_be_changed_keeps_no_other_from_ending(
    house: House, met: Met
) -> None:
    doctor = house.doctor()
    people = [house.patient(), house.patient()]
    slots = [house.slot(doctor, starts_in=timedelta(days=2 + n)) for n in range(2)]
    bookings = [house.book(slot, user) for slot, user in zip(slots, people, strict=True)]
    for booking, user in zip(bookings, people, strict=True):
        house.cancel(booking.id, Caller(user_id=user, role=Role.PATIENT))
    confirmed = {"$set": {"status": "confirmed", "version": 1}}
    house.database["bookings"].update_many({}, confirmed)
    house.database["bookings"].update_one({"_id": bookings[0].id}, {"$set": {"version": SECRET}})

    swept = house.sweep()

    assert swept.refused == 1
    assert house.bookings(_id=bookings[1].id)[0]["status"] == "cancelled"


# --- the outbox -----------------------------------------------------------------------------------

BROKEN_EVENTS: dict[str, dict[str, Any]] = {
    "no type": {"type": None},
    "no aggregate": {"aggregateId": None},
    "a version that is a text": {"version": SECRET},
    "a time that is a number": {"at": 7},
    "a user that is a document": {"userId": {"phone": SECRET}},
    "a text without end": {"actor": SECRET * 10_000},
    "a version of rows that never was": {"v": 0},
    "a version of rows that is a text": {"v": SECRET},
}


def put_event(house: House, id_: Any, **changes: Any) -> None:
    """An unsent event, like one that there is."""
    slot = house.slot()
    row: dict[str, Any] = {
        "unsent": True,
        "leasedUntil": None,
        "type": "booking.confirmed",
        "aggregateId": "bk_1",
        "slotId": slot,
        "doctorId": slot.rpartition("_")[0],
        "userId": "alice",
        "attemptId": "at_1",
        "bookingId": "bk_1",
        "from": "reserved",
        "to": "booked",
        "version": 1,
        "actor": "alice",
        "requestId": "request-1",
        "at": datetime.now(UTC),
    }
    house.database["outbox"].insert_one({"_id": id_, **row, **changes})


def test_events_that_cannot_be_read_are_set_aside_and_hold_nothing_back(
    house: House, met: Met
) -> None:
    for name, damage in BROKEN_EVENTS.items():
        put_event(house, name, **{"aggregateId": name, "bookingId": name, **damage})
        put_event(house, f"after {name}", aggregateId=name, bookingId=name, version=2)
    put_event(house, "another-s", aggregateId="bk_2", bookingId="bk_2")

    sent = [house.relay().sent, house.relay().sent]

    assert sent == [len(BROKEN_EVENTS) + 1, 0]
    sound = {"another-s", *(f"after {name}" for name in BROKEN_EVENTS)}
    assert {event.id for event in house.queue.events} == sound
    assert set(set_aside(house)) == {("outbox", name, "document") for name in BROKEN_EVENTS}
    for broken in house.events(_id={"$in": list(BROKEN_EVENTS)}):
        assert not {"unsent", "sentAt"} & set(broken)
    assert {one.id for one in met} == set(BROKEN_EVENTS)


def test_events_whose_ids_are_no_texts_are_set_aside(house: House, met: Met) -> None:
    for id_ in (7, ObjectId(), {"phone": SECRET}):
        put_event(house, id_)
    put_event(house, "sound", aggregateId="bk_2")

    assert house.relay().sent == 1
    for aside in list(MongoSetAside(house.database).all()):
        assert MongoSetAside(house.database).put_back(aside.id) == 1
    assert set_aside(house) == []


def test_more_broken_events_than_a_batch_keep_no_sound_one_from_being_sent(
    house: House, met: Met
) -> None:
    for number in range(130):
        put_event(house, f"broken-{number}", at=datetime(2026, 1, 1, tzinfo=UTC), type=None)
    put_event(house, "sound")

    assert house.relay().sent == 1
    assert len(set_aside(house)) == 130


def test_an_event_that_was_repaired_and_put_back_is_sent_once(house: House, met: Met) -> None:
    put_event(house, "broken", actor=7)
    house.relay()
    house.database["outbox"].update_one({"_id": "broken"}, {"$set": {"actor": "alice"}})

    put_back = [MongoSetAside(house.database).put_back("broken") for _ in range(2)]

    assert put_back == [1, 0]
    assert [house.relay().sent, house.relay().sent] == [1, 0]


def test_an_event_of_a_later_version_is_left_for_relays_that_know_it(
    house: House, met: Met
) -> None:
    put_event(house, "later", v=2, whatIsNewInIt=SECRET)
    put_event(house, "next-of-its-booking", version=2)
    [before] = house.events(_id="later")

    house.relay()

    assert [event.id for event in house.queue.events] == ["next-of-its-booking"]
    assert house.events(_id="later") == [before]
    assert not met


def test_a_lease_that_is_none_of_ours_is_over(house: House) -> None:
    for lease in (Timestamp(2**31, 1), "never", datetime(2999, 1, 1, tzinfo=UTC)):
        put_event(house, f"leased {lease}", leasedUntil=lease)

    assert house.relay().sent == 3


# --- requests and lists ---------------------------------------------------------------------------


def test_a_booking_that_cannot_be_read_is_told_by_its_id_alone(house: House, met: Met) -> None:
    alice = house.patient()
    booking = house.book(house.slot(), alice)
    house.database["bookings"].update_one({"_id": booking.id}, {"$set": {"status": SECRET}})

    with pytest.raises(Corrupted) as refused:
        house.ledger.booking(booking.id)

    assert str(refused.value) == f"bookings/{booking.id}: status: unknown value"


def test_lists_leave_out_what_cannot_be_read_and_go_on_behind_it(house: House, met: Met) -> None:
    doctor, alice = house.doctor(), house.patient()
    bookings = [
        house.book(house.slot(doctor, starts_in=timedelta(days=2 + number)), alice)
        for number in range(5)
    ]
    for number in (0, 2):
        changed = {"$set": {"createdAt": SECRET}}
        house.database["bookings"].update_one({"_id": bookings[number].id}, changed)
    wanted = BookingFilter(user_id=alice)

    lists = MongoBookingLists(house.database)
    first = lists.page(wanted, after=None, skip=0, limit=2)
    clinic = BookingFilter(doctor_ids=[doctor, *(house.doctor() for _ in range(100))])
    merged = lists.page(clinic, after=None, skip=0, limit=10)

    assert [booking.id for booking in first] == [bookings[1].id, bookings[3].id]
    assert [booking.id for booking in merged] == [bookings[n].id for n in (1, 3, 4)]
    assert {one.id for one in met} == {bookings[0].id, bookings[2].id}


def test_free_slots_and_doctors_that_cannot_be_read_are_left_out_of_lists(
    house: House, met: Met
) -> None:
    doctor, other = house.doctor(), house.doctor()
    slots = [house.slot(doctor, starts_in=timedelta(days=2 + number)) for number in range(3)]
    house.database["slots"].update_one({"_id": slots[0]}, {"$set": {"endTime": SECRET}})
    house.database["doctors"].update_one({"_id": other}, {"$set": {"consultationFee": SECRET}})

    free = house.slots.free_slots(
        SlotFilter(doctor_id=doctor), now=datetime.now(UTC), after=None, skip=0, limit=2
    )
    doctors = MongoCatalogue(house.database).page(DoctorFilter(), after=None, skip=0, limit=10)

    assert [slot.id for slot in free] == slots[1:]
    assert [one.id for one in doctors] == [doctor]
    assert {one.id for one in met} == {slots[0], other}


@pytest.mark.parametrize(("field", "value"), [("version", "7"), ("bookingId", 5)])
def test_a_free_slot_is_listed_by_what_its_index_tells_and_is_nobodys_if_the_rest_cannot_be_read(
    house: House, field: str, value: object
) -> None:
    doctor, alice = house.doctor(), house.patient()
    slot = house.slot(doctor)
    house.database["slots"].update_one({"_id": slot}, {"$set": {field: value}})

    free = house.slots.free_slots(
        SlotFilter(doctor_id=doctor), now=datetime.now(UTC), after=None, skip=0, limit=2
    )
    with pytest.raises(Corrupted):
        house.hold(slot, alice)

    assert [one.id for one in free] == [slot]
    after = house.document(slot)
    assert (after["status"], after.get("hold"), after[field]) == ("active", None, value)


def test_what_is_left_of_a_hold_in_a_free_slot_keeps_nobody_from_it(house: House) -> None:
    doctor, alice = house.doctor(), house.patient()
    slot = house.slot(doctor)
    house.database["slots"].update_one({"_id": slot}, {"$set": {"hold": {"attemptId": 7}}})

    free = house.slots.free_slots(
        SlotFilter(doctor_id=doctor), now=datetime.now(UTC), after=None, skip=0, limit=2
    )
    attempt = house.hold(slot, alice)

    assert [one.id for one in free] == [slot]
    assert house.document(slot)["hold"]["attemptId"] == attempt


def test_a_slot_whose_hold_is_over_and_cannot_be_read_is_not_listed_though_its_index_tells_it(
    house: House, met: Met
) -> None:
    doctor, alice = house.doctor(), house.patient()
    broken, over = (house.slot(doctor, starts_in=timedelta(days=days)) for days in (2, 3))
    for slot in (broken, over):
        house.hold(slot, alice)
        ended = {"$set": {"hold.expiresAt": datetime.now(UTC) - timedelta(seconds=1)}}
        house.database["slots"].update_one({"_id": slot}, ended)
    house.database["slots"].update_one({"_id": broken}, {"$unset": {"hold.otp": ""}})

    free = house.slots.free_slots(
        SlotFilter(doctor_id=doctor), now=datetime.now(UTC), after=None, skip=0, limit=1
    )

    assert [slot.id for slot in free] == [over]
    assert {one.id for one in met} == {broken}


def test_a_profile_that_cannot_be_read_is_healed_by_writing_it(house: House) -> None:
    alice = house.patient(phone={"number": SECRET})
    with pytest.raises(Corrupted):
        house.users.get(alice)

    house.database["users"].update_one({"_id": alice}, {"$set": {"preferredChannel": "pigeon"}})
    sound = house.users.get(house.patient())
    healed = house.users.put(type(sound)(id=alice, phone="+15550123"))

    assert healed.phone == house.users.get(alice).phone == "+15550123"


def test_a_slot_of_an_unknown_status_is_refused_as_it_is(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    house.database["slots"].update_one({"_id": slot}, {"$set": {"status": "mislaid"}})

    with pytest.raises(Corrupted):
        house.hold(slot, alice)

    assert house.document(slot)["status"] == "mislaid"
    assert [key for key in house.redis_keys() if key.startswith(("lock", "booking"))] == []


def test_a_code_whose_limits_cannot_be_read_confirms_nothing(house: House) -> None:
    doctor = house.doctor()
    for day, field in enumerate(("tries", "sends", "expiresAt"), start=2):
        slot, alice = house.slot(doctor, starts_in=timedelta(days=day)), house.patient()
        attempt = house.hold(slot, alice)
        house.database["slots"].update_one({"_id": slot}, {"$unset": {f"hold.otp.{field}": ""}})

        with pytest.raises(Corrupted):
            house.verify(attempt, alice)

        assert house.document(slot)["status"] == "reserved"
    assert house.bookings() == []


def test_an_appointment_that_cannot_be_read_keeps_its_patient_from_no_other(
    house: House, met: Met
) -> None:
    alice = house.patient()
    booking = house.book(house.slot(), alice)
    house.database["bookings"].update_one({"_id": booking.id}, {"$set": {"endTime": 7}})

    assert house.hold(house.slot(starts_in=timedelta(days=2, hours=1)), alice)
    assert [one.id for one in met] == [booking.id]


def test_a_text_that_is_no_text_costs_only_its_own_document(house: House) -> None:
    doctor = house.doctor()
    other = {"_id": f"{doctor}-x", "clinicId": "clinic-1", "name": "@@@@", "version": 1}
    broken = bson.encode(other).replace(b"@@@@", b"\xff\xfe\xfd\xfc")
    house.database.get_collection("doctors").insert_one(RawBSONDocument(broken))

    found = MongoCatalogue(house.database).page(DoctorFilter(), after=None, skip=0, limit=10)

    assert doctor in {one.id for one in found}


def test_a_week_is_blocked_freed_and_removed_around_slots_that_cannot_be_read(
    house: House, met: Met
) -> None:
    sound, unwritable, unheld = held_slots(house, 3)
    doctor = sound.rpartition("_")[0]
    house.database["slots"].update_one({"_id": unwritable}, {"$set": {"version": SECRET}})
    house.database["slots"].update_one({"_id": unheld}, {"$unset": {"hold.userId": ""}})
    before = [house.document(slot) for slot in (unwritable, unheld)]
    now = datetime.now(UTC)
    week = Period(start=now, end=now + timedelta(days=7))
    timetables = MongoTimetables(house.database)

    changed = []
    for change in (TimeChange.BLOCKED, TimeChange.ACTIVE, TimeChange.REMOVED):
        asked = Asked(actor="carol", request_id=change, request_key=change)
        facts = timetables.settle(doctor, week, request_id=change)
        house.slots.mark_recorded([fact for _, fact in facts]) if facts else None
        done = timetables.change(doctor, week, change, asked)
        assert done is not None
        changed.append(done.changed)

    assert changed == [1, 1, 1]
    assert house.database["slots"].find_one({"_id": sound}) is None
    assert [house.document(slot) for slot in (unwritable, unheld)] == before


def test_a_slot_that_cannot_be_counted_up_is_not_blocked(house: House) -> None:
    slot = house.slot()
    house.database["slots"].update_one({"_id": slot}, {"$set": {"version": SECRET}})

    with pytest.raises(Corrupted):
        MongoSlotBlocks(house.database).block(slot, actor="carol", request_id="r1")

    assert house.document(slot)["status"] == "active"
