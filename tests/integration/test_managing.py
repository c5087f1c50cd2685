"""What a clinic does to doctors and slots, on a real MongoDB."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from slotkeeper.domain.errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    SlotHeld,
    SlotUnavailable,
)
from slotkeeper.domain.slot import SlotStatus
from slotkeeper.domain.timetable import Filled, TimeChange
from slotkeeper.domain.user import Caller, Role
from tests.support.house import House
from tests.support.managing import CLINIC, Managing, day_schedule, in_days

BLOCKED, ACTIVE, REMOVED = TimeChange.BLOCKED, TimeChange.ACTIVE, TimeChange.REMOVED


@pytest.fixture
def clinic(house: House) -> Managing:
    return Managing(house)


@pytest.fixture
def doctor(clinic: Managing) -> str:
    return clinic.add_doctor(time_zone="UTC").id


def statuses(clinic: Managing, doctor: str) -> list[str]:
    return [slot["status"] for slot in clinic.slots(doctor)]


# --- doctors --------------------------------------------------------------------------------------


def test_a_doctor_is_made_once_however_often_the_request_is_repeated(clinic: Managing) -> None:
    first = clinic.add_doctor("key-1", name="Dr. Ada")
    again = clinic.add_doctor("key-1", name="Dr. Ada")
    other = clinic.add_doctor("key-2", name="Dr. Ada")

    assert first == again == clinic.catalogue.doctor(first.id)
    assert first.id.startswith("dr_")
    assert other.id != first.id
    assert clinic.doctor_pages.forgotten == 3


def test_staff_add_doctors_to_their_own_clinic_only(clinic: Managing) -> None:
    staff = clinic.as_staff()

    assert staff.add_doctor(clinic_id=None).clinic_id == CLINIC
    assert staff.add_doctor(clinic_id=CLINIC).clinic_id == CLINIC
    with pytest.raises(Forbidden):
        staff.add_doctor(clinic_id="clinic-2")
    with pytest.raises(Forbidden):
        clinic.as_staff(None).add_doctor(clinic_id=None)
    with pytest.raises(InvalidRequest):
        clinic.add_doctor(clinic_id=None)


def test_a_doctor_changes_in_what_is_said_and_in_version(clinic: Managing, doctor: str) -> None:
    changed = clinic.as_staff().change_doctor(doctor, name="Dr. Eve", consultation_fee=None)

    assert (changed.name, changed.consultation_fee, changed.version) == ("Dr. Eve", None, 2)
    assert (changed.specialty, changed.clinic_id) == ("cardiology", CLINIC)
    assert clinic.catalogue.doctor(doctor) == changed


def test_a_change_that_changes_nothing_makes_no_version(clinic: Managing, doctor: str) -> None:
    assert clinic.change_doctor(doctor, name="Dr. Ada").version == 1


def test_a_change_repeated_finds_its_own_effect(clinic: Managing, doctor: str) -> None:
    first = clinic.change_doctor(doctor, key="k", expected=frozenset({1}), name="Dr. Eve")
    again = clinic.change_doctor(doctor, key="k", expected=frozenset({1}), name="Dr. Eve")

    assert first == again
    assert again.version == 2


def test_a_change_of_another_version_is_refused(clinic: Managing, doctor: str) -> None:
    with pytest.raises(PreconditionFailed):
        clinic.change_doctor(doctor, expected=frozenset({2}), name="Dr. Eve")


def test_a_change_of_what_was_changed_meanwhile_is_not_stored(
    clinic: Managing, doctor: str
) -> None:
    seen = clinic.catalogue.doctor(doctor)
    assert seen is not None
    clinic.change_doctor(doctor, name="Dr. Eve")

    assert not clinic.file.change(seen, clinic._asked(None), expected=seen.version)
    assert clinic.catalogue.doctor(doctor) != seen


def test_what_is_done_to_a_doctor_is_in_the_audit_log_once(clinic: Managing) -> None:
    doctor = clinic.add_doctor(key="add")
    clinic.add_doctor(key="add")
    clinic.change_doctor(doctor.id, key="change", name="Dr. Eve")
    clinic.change_doctor(doctor.id, key="change", name="Dr. Eve")

    created, changed = clinic.house.audit(aggregateId=doctor.id)
    assert (created["type"], created["actor"]) == ("doctor.created", clinic.caller.user_id)
    # That there is a name, and not whose: entries are kept for ever.
    assert created["details"]["name"] is True
    assert (changed["type"], changed["details"]) == (
        "doctor.changed",
        {"name": True, "version": 2},
    )


def test_another_clinic_s_doctor_is_not_found(clinic: Managing, doctor: str) -> None:
    slot = clinic.house.slot(doctor)

    for stranger in (clinic.as_staff("clinic-2"), clinic.as_staff(None)):
        with pytest.raises(NotFound):
            stranger.change_doctor(doctor, name="Dr. Eve")
        with pytest.raises(NotFound):
            stranger.fill(doctor, day_schedule())
        with pytest.raises(NotFound):
            stranger.block(slot)
        with pytest.raises(NotFound):
            stranger.change_time(doctor, REMOVED, in_days(0), in_days(9))
    assert statuses(clinic, doctor) == ["active"]


def test_nobody_s_doctor_is_not_found(clinic: Managing) -> None:
    for somebody in (clinic, clinic.as_staff()):
        with pytest.raises(NotFound):
            somebody.change_doctor("dr_nobody", name="Dr. Eve")
        with pytest.raises(NotFound):
            somebody.fill("dr_nobody", day_schedule())
        with pytest.raises(NotFound):
            somebody.block("dr_nobody_20300101T0900Z")
        with pytest.raises(NotFound):
            somebody.change_time("dr_nobody", BLOCKED, in_days(0), in_days(9))
    assert not list(clinic.house.database["schedules"].find())
    assert not clinic.house.audit(type="schedule.created")


def test_a_doctor_who_moves_has_coming_slots_and_bookings_dated_anew(
    clinic: Managing, doctor: str
) -> None:
    # Half a year on: with both of the zone's offsets.
    for days in (1, 180):
        clinic.fill(doctor, day_schedule(days, hours=(0, 24), minutes=60, lasts=2))
    alice = clinic.house.patient()
    late = clinic.slots(doctor)[23]
    booking = clinic.house.book(late["_id"], alice)
    held = clinic.slots(doctor)[30]["_id"]
    attempt = clinic.house.hold(held, alice)

    clinic.change_doctor(doctor, time_zone="Pacific/Auckland")

    zone = ZoneInfo("Pacific/Auckland")
    for slot in clinic.slots(doctor):
        assert slot["date"] == slot["startTime"].astimezone(zone).date().isoformat()
    [stored] = clinic.house.bookings()
    assert stored["date"] == late["startTime"].astimezone(zone).date().isoformat() != booking.date
    assert doctor in clinic.pages.forgotten
    # A hold that ran meanwhile is the patient's still.
    assert clinic.house.verify(attempt, alice).booking.slot_id == held


def test_what_is_over_keeps_the_date_it_had(clinic: Managing, doctor: str) -> None:
    slot = clinic.house.slot(doctor, starts_in=-timedelta(hours=1))
    before = clinic.house.document(slot)

    clinic.change_doctor(doctor, time_zone="Pacific/Kiritimati")

    assert clinic.house.document(slot) == before


# --- schedules ------------------------------------------------------------------------------------


def test_a_schedule_makes_its_slots_and_says_so_once(clinic: Managing, doctor: str) -> None:
    staff = clinic.as_staff()

    filled = staff.fill(doctor, day_schedule(hours=(9, 12)))

    assert filled == Filled(created=6, skipped=0)
    slots = clinic.slots(doctor)
    assert [f"{slot['startTime']:%H:%M}" for slot in slots] == [
        *("09:00", "09:30", "10:00", "10:30", "11:00", "11:30"),
    ]
    assert set(statuses(clinic, doctor)) == {"active"}
    assert clinic.pages.forgotten == [doctor]
    [entry] = clinic.house.audit(type="schedule.created")
    assert (entry["type"], entry["actor"]) == ("schedule.created", staff.caller.user_id)
    assert (entry["doctorId"], entry["details"]["created"]) == (doctor, 6)
    [schedule] = clinic.house.database["schedules"].find()
    assert (schedule["doctorId"], schedule["created"], schedule["skipped"]) == (doctor, 6, 0)


def test_the_same_schedule_again_makes_nothing(clinic: Managing, doctor: str) -> None:
    clinic.fill(doctor, day_schedule())

    assert clinic.fill(doctor, day_schedule()) == Filled(created=0, skipped=16)


def test_a_request_repeated_answers_what_it_did(clinic: Managing, doctor: str) -> None:
    first = clinic.fill(doctor, day_schedule(), "k")
    clinic.change_time(doctor, REMOVED, in_days(3, 0), in_days(4, 0))

    again = clinic.fill(doctor, day_schedule(), "k")

    assert first == again
    assert clinic.slots(doctor) == []


def test_a_slot_in_another_s_way_is_left_out(clinic: Managing, doctor: str) -> None:
    clinic.fill(doctor, day_schedule(hours=(10, 11), minutes=60))

    filled = clinic.fill(doctor, day_schedule(hours=(9, 12), minutes=45))

    assert filled == Filled(created=2, skipped=2)  # 9:00 and 11:15; not 9:45, 10:30
    assert clinic.overlaps(doctor) == 0


def test_another_doctor_s_slots_are_in_nobody_s_way(clinic: Managing, doctor: str) -> None:
    clinic.fill(clinic.add_doctor().id, day_schedule())

    assert clinic.fill(doctor, day_schedule()).skipped == 0


def test_a_schedule_of_too_many_slots_leaves_nothing(clinic: Managing, doctor: str) -> None:
    before = clinic.house.database["doctors"].find_one({"_id": doctor})

    with pytest.raises(InvalidRequest):
        clinic.fill(doctor, day_schedule(hours=(0, 24), minutes=5, lasts=35))

    assert clinic.slots(doctor) == []
    assert not clinic.house.audit(type="schedule.created")
    assert clinic.house.database["doctors"].find_one({"_id": doctor}) == before


def test_ten_thousand_slots_are_made_within_the_function_s_time(
    clinic: Managing, doctor: str
) -> None:
    started = time.monotonic()

    filled = clinic.fill(doctor, day_schedule(hours=(0, 20), minutes=24, lasts=200))

    assert filled == Filled(created=10_000, skipped=0)
    assert time.monotonic() - started < 15
    assert clinic.fill(doctor, day_schedule(hours=(0, 20), minutes=24, lasts=200)).skipped == 10_000


# --- one slot -------------------------------------------------------------------------------------


def test_a_blocked_slot_cannot_be_held_until_it_is_unblocked(clinic: Managing, doctor: str) -> None:
    slot, alice = clinic.house.slot(doctor), clinic.house.patient()
    staff = clinic.as_staff()

    assert staff.block(slot).status is SlotStatus.BLOCKED
    with pytest.raises(SlotUnavailable):
        clinic.house.hold(slot, alice)
    assert staff.block(slot, is_blocked=False).status is SlotStatus.ACTIVE
    assert clinic.house.book(slot, alice).slot_id == slot
    assert clinic.pages.forgotten == [doctor, doctor]


def test_blocking_is_told_once_whoever_records_it(clinic: Managing, doctor: str) -> None:
    slot, staff = clinic.house.slot(doctor), clinic.as_staff()
    staff.block(slot)
    staff.block(slot)
    staff.block(slot, is_blocked=False)
    staff.block(slot, is_blocked=False)

    clinic.house.sweep()

    told = [("slot.blocked", 2), ("slot.unblocked", 3)]
    for entries in (clinic.house.audit(slotId={"$exists": True}), clinic.house.events()):
        assert [(entry["type"], entry["version"]) for entry in entries] == told
        assert {entry["actor"] for entry in entries} == {staff.caller.user_id}
    assert "pendingEvents" not in clinic.house.document(slot)


def test_what_a_dead_function_blocked_is_told_by_the_sweep(clinic: Managing, doctor: str) -> None:
    slot = clinic.house.slot(doctor)
    clinic.blocks.block(slot, actor="carol", request_id="r1")

    clinic.house.sweep()

    assert [entry["type"] for entry in clinic.house.audit(slotId={"$exists": True})] == [
        "slot.blocked"
    ]
    assert "pendingEvents" not in clinic.house.document(slot)


def test_a_held_slot_is_not_blocked(clinic: Managing, doctor: str) -> None:
    slot, alice = clinic.house.slot(doctor), clinic.house.patient()
    attempt = clinic.house.hold(slot, alice)

    for is_blocked in (True, False):
        with pytest.raises(SlotHeld) as refused:
            clinic.block(slot, is_blocked=is_blocked)
        assert 0 < (refused.value.retry_after_seconds or 0) <= 300
    assert clinic.house.verify(attempt, alice).booking.slot_id == slot


def test_a_booked_slot_is_not_blocked(clinic: Managing, doctor: str) -> None:
    slot = clinic.house.slot(doctor)
    clinic.house.book(slot, clinic.house.patient())

    for is_blocked in (True, False):
        with pytest.raises(SlotUnavailable):
            clinic.block(slot, is_blocked=is_blocked)
    assert clinic.house.document(slot)["status"] == "booked"


def test_a_hold_that_is_over_ends_when_its_slot_is_blocked(clinic: Managing, doctor: str) -> None:
    slot, alice = clinic.house.slot(doctor), clinic.house.patient()
    clinic.house.hold(slot, alice)
    clinic.house.end_hold(slot)

    assert clinic.block(slot, is_blocked=False).status is SlotStatus.ACTIVE
    assert clinic.block(slot).status is SlotStatus.BLOCKED
    clinic.house.sweep()

    told = [
        (entry["type"], entry["version"]) for entry in clinic.house.audit(slotId={"$exists": True})
    ]
    assert told == [("hold.expired", 3), ("slot.blocked", 4)]
    assert clinic.house.document(slot)["version"] == 4
    assert not [key for key in clinic.house.redis_keys() if key.startswith("lock")]


def test_a_slot_booked_after_it_was_blocked_and_freed_is_booked_as_ever(
    clinic: Managing, doctor: str
) -> None:
    slot, alice = clinic.house.slot(doctor), clinic.house.patient()
    clinic.block(slot)
    clinic.block(slot, is_blocked=False)
    booking = clinic.house.book(slot, alice)

    clinic.house.cancel(booking.id, Caller(user_id=alice, role=Role.PATIENT))
    clinic.house.sweep()

    types = [entry["type"] for entry in clinic.house.audit(slotId=slot)]
    assert types == [
        *("slot.blocked", "slot.unblocked", "booking.confirmed", "booking.cancelled"),
    ]


# --- a doctor's time ------------------------------------------------------------------------------


@pytest.fixture
def day(clinic: Managing, doctor: str) -> list[str]:
    """Six slots of one day: two free, one held, one whose hold is over, one booked, one blocked."""
    clinic.fill(doctor, day_schedule(hours=(9, 12)))
    house, alice, bob = clinic.house, clinic.house.patient(), clinic.house.patient()
    slots = [slot["_id"] for slot in clinic.slots(doctor)]
    house.hold(slots[2], alice)
    house.hold(slots[3], bob)
    house.end_hold(slots[3])
    house.book(slots[4], alice)
    clinic.block(slots[5])
    return slots


def test_blocking_a_time_keeps_what_is_held_or_booked(
    clinic: Managing, doctor: str, day: list[str]
) -> None:
    [booking] = clinic.house.bookings()

    done = clinic.as_staff().change_time(doctor, BLOCKED, in_days(3, 0), in_days(4, 0))

    assert done.changed == 3
    assert [(slot.id, slot.status, slot.booking_id) for slot in done.kept] == [
        (day[2], SlotStatus.RESERVED, None),
        (day[4], SlotStatus.BOOKED, booking["_id"]),
    ]
    assert statuses(clinic, doctor) == [
        *("blocked", "blocked", "reserved", "blocked", "booked", "blocked"),
    ]
    clinic.house.sweep()
    assert len(clinic.house.audit(type="hold.expired")) == 1
    [entry] = clinic.house.audit(type="calendar.blocked")
    assert (entry["doctorId"], entry["details"]["changed"]) == (doctor, 3)


def test_freeing_a_time_frees_what_was_blocked(
    clinic: Managing, doctor: str, day: list[str]
) -> None:
    done = clinic.change_time(doctor, ACTIVE, in_days(3, 0), in_days(4, 0))

    assert (done.changed, [slot.id for slot in done.kept]) == (1, [day[2], day[4]])
    assert statuses(clinic, doctor) == [
        *("active", "active", "reserved", "reserved", "booked", "active"),
    ]


def test_removing_a_time_leaves_what_is_held_or_booked(
    clinic: Managing, doctor: str, day: list[str]
) -> None:
    done = clinic.change_time(doctor, REMOVED, in_days(3, 0), in_days(4, 0))

    assert done.changed == 4
    assert [slot["_id"] for slot in clinic.slots(doctor)] == [day[2], day[4]]
    # What happened to the removed ones is told all the same.
    assert {entry["type"] for entry in clinic.house.audit(slotId={"$in": [day[3], day[5]]})} == {
        *("hold.expired", "slot.blocked"),
    }
    assert len(clinic.house.audit(type="calendar.removed")) == 1


def test_a_slot_made_again_tells_what_happens_to_it_then(clinic: Managing, doctor: str) -> None:
    def cycle() -> None:
        clinic.fill(doctor, day_schedule(hours=(9, 10)))
        clinic.block(clinic.slots(doctor)[0]["_id"])
        clinic.change_time(doctor, REMOVED, in_days(3, 0), in_days(4, 0))

    cycle()
    cycle()

    assert len(clinic.house.audit(type="slot.blocked")) == 2
    assert len(clinic.house.events(type="slot.blocked")) == 2


@pytest.mark.parametrize(
    ("start", "end", "changed"),
    [
        ((9, 0), (9, 30), 1),
        ((9, 29), (9, 31), 2),
        ((8, 0), (9, 0), 0),
        ((12, 0), (13, 0), 0),
        ((11, 59), (13, 0), 1),
    ],
)
def test_a_slot_belongs_to_a_time_it_shares_an_instant_with(
    clinic: Managing, doctor: str, start: tuple[int, int], end: tuple[int, int], changed: int
) -> None:
    clinic.fill(doctor, day_schedule(hours=(9, 12)))
    since, until = (in_days(3, hour) + timedelta(minutes=minute) for hour, minute in (start, end))

    assert clinic.change_time(doctor, BLOCKED, since, until).changed == changed


def test_a_change_of_time_repeated_answers_what_it_did(
    clinic: Managing, doctor: str, day: list[str]
) -> None:
    first = clinic.change_time(doctor, REMOVED, in_days(3, 0), in_days(4, 0), "k")
    clinic.fill(doctor, day_schedule(hours=(9, 12)))

    again = clinic.change_time(doctor, REMOVED, in_days(3, 0), in_days(4, 0), "k")

    assert (again.changed, [s.id for s in again.kept]) == (
        first.changed,
        [s.id for s in first.kept],
    )
    assert len(clinic.slots(doctor)) == 6


def test_another_doctor_s_time_is_left_alone(clinic: Managing, doctor: str, day: list[str]) -> None:
    other = clinic.add_doctor().id
    clinic.fill(other, day_schedule())

    clinic.change_time(doctor, REMOVED, in_days(0, 0), in_days(9, 0))

    assert len(clinic.slots(other)) == 16


# --- queries --------------------------------------------------------------------------------------


def test_times_are_found_by_an_index(clinic: Managing, doctor: str) -> None:
    clinic.fill(doctor, day_schedule(lasts=100))
    clinic.fill(clinic.add_doctor().id, day_schedule(lasts=100))

    profiled = _profiled(clinic, lambda: _all_of(clinic, doctor))

    assert profiled
    for command in profiled:
        assert "COLLSCAN" not in command["planSummary"], command
        assert command.get("docsExamined", 0) <= 16 + 16, command


def _all_of(clinic: Managing, doctor: str) -> None:
    clinic.fill(doctor, day_schedule(50))
    for change in (BLOCKED, ACTIVE, REMOVED):
        clinic.change_time(doctor, change, in_days(50, 0), in_days(51, 0))


def _profiled(clinic: Managing, work: Any) -> list[dict[str, Any]]:
    """What the server read meanwhile, and how."""
    database = clinic.house.database
    database.command("profile", 2)
    try:
        work()
    finally:
        database.command("profile", 0)
    profiled: list[dict[str, Any]] = list(
        database["system.profile"].find({"planSummary": {"$exists": True}, "ns": {"$ne": None}})
    )
    return [c for c in profiled if not c["ns"].endswith("system.profile")]


def test_a_key_used_again_for_another_doctor_or_time_is_another_request(clinic: Managing) -> None:
    first, second = clinic.add_doctor().id, clinic.add_doctor().id

    filled = [clinic.fill(doctor, day_schedule(), "k") for doctor in (first, second)]
    blocked = [
        clinic.change_time(doctor, BLOCKED, in_days(0), in_days(60), key="k")
        for doctor in (first, second)
    ]

    assert [one.created for one in filled] == [16, 16]
    assert [one.changed for one in blocked] == [16, 16]
