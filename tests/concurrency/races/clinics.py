"""Many at one doctor's timetable, and patients who come in between."""

from __future__ import annotations

from functools import partial

from slotkeeper.domain.errors import AppointmentError
from slotkeeper.domain.slot import Slot, SlotStatus
from slotkeeper.domain.timetable import Filled, TimeChange, TimeChanged
from tests.concurrency import guards
from tests.concurrency.lost import ensure
from tests.concurrency.race import THREADS, Control, Race, Results, Round
from tests.support.house import House
from tests.support.managing import Managing, day_schedule, in_days

OVERLAP = "slots of one doctor overlap"
MADE_TWICE = "one request made its slots twice"
HELD_AND_GONE = "a slot that a patient holds is gone"
HELD_AND_BLOCKED = "a slot is held and blocked"
LOST_CHANGE = "of two changes one is lost"


# --- schedules ------------------------------------------------------------------------------------


def _schedule_schedule(house: House, _: int) -> Round:
    """As many schedules of one day, each a minute later: all in each other's way."""
    clinic = Managing(house)
    doctor = clinic.add_doctor().id
    schedules = [day_schedule(minutes=60, past=number) for number in range(THREADS)]

    def judge(results: Results) -> str:
        overlaps = clinic.overlaps(doctor)
        ensure(overlaps == 0, OVERLAP, overlaps)
        made = [result for result in results["fill"] if isinstance(result, Filled)]
        assert len(made) == THREADS
        assert sum(filled.created for filled in made) == len(clinic.slots(doctor)) > 0
        assert len(house.audit(type="schedule.created", doctorId=doctor)) == THREADS
        return "filled"

    fills = [partial(clinic.fill, doctor, schedule) for schedule in schedules]
    return Round(sides={"fill": fills}, judge=judge)


SCHEDULE_SCHEDULE = Race(
    name="schedule/schedule",
    begin=_schedule_schedule,
    controls=[Control(guard="the turn", off=guards.not_in_turn, harms=frozenset({OVERLAP}))],
    rounds=4,
    outcomes={"filled": 0},
)


def _one_schedule(house: House, _: int) -> Round:
    clinic = Managing(house)
    doctor = clinic.add_doctor().id

    def judge(results: Results) -> str:
        entries = house.audit(type="schedule.created", doctorId=doctor)
        ensure(len(entries) <= 1, MADE_TWICE, len(entries))
        assert results["fill"] == [Filled(created=16, skipped=0)] * THREADS
        assert len(clinic.slots(doctor)) == 16
        assert len(entries) == 1
        return "once"

    fills = [partial(clinic.fill, doctor, day_schedule(), "k")] * THREADS
    return Round(sides={"fill": fills}, judge=judge)


SAME_SCHEDULE = Race(
    name="one schedule many times",
    begin=_one_schedule,
    controls=[
        Control(
            guard="the memory of requests",
            off=guards.forgets_entries,
            harms=frozenset({MADE_TWICE}),
        )
    ],
    rounds=4,
    outcomes={"once": 0},
)


# --- patients while the clinic takes slots away ---------------------------------------------------


def _hold_remove(house: House, _: int) -> Round:
    clinic = Managing(house)
    doctor = clinic.add_doctor().id
    clinic.fill(doctor, day_schedule(hours=(0, 21), minutes=20))
    slots = [slot["_id"] for slot in clinic.slots(doctor)]
    patients = house.patients(len(slots))
    day = (in_days(3, 0), in_days(4, 0))
    assert len(slots) == THREADS - 1

    def judge(results: Results) -> str:
        held = {s for s, r in zip(slots, results["hold"], strict=True) if isinstance(r, str)}
        left = {slot["_id"] for slot in clinic.slots(doctor)}
        ensure(held <= left, HELD_AND_GONE, held - left)
        assert left == held
        [removed] = results["remove"]
        assert isinstance(removed, TimeChanged)
        assert {slot.id for slot in removed.kept} <= held
        assert removed.changed == len(slots) - len(held)
        for slot, attempt, patient in zip(slots, results["hold"], patients, strict=True):
            if slot in held:
                assert house.verify(attempt, patient).booking.slot_id == slot
        return "some held" if held else "all removed"

    holds = [partial(house.hold, s, p) for s, p in zip(slots, patients, strict=True)]
    remove = partial(clinic.change_time, doctor, TimeChange.REMOVED, *day)
    return Round(sides={"hold": holds, "remove": [remove]}, judge=judge)


HOLD_REMOVE = Race(
    name="hold/remove",
    begin=_hold_remove,
    controls=[
        Control(
            guard="the condition of the removal",
            off=guards.decides_on_a_read,
            harms=frozenset({HELD_AND_GONE}),
        )
    ],
    rounds=4,
    outcomes={"some held": 0},
    also=frozenset({"all removed"}),
    first="hold",
)


def _hold_block(house: House, _: int) -> Round:
    clinic, each = Managing(house), THREADS // 2
    slot, patients = house.slot(), house.patients(each)

    def judge(results: Results) -> str:
        held = [result for result in results["hold"] if isinstance(result, str)]
        blocked = [result for result in results["block"] if isinstance(result, Slot)]
        ensure(not (held and blocked), HELD_AND_BLOCKED, (held, blocked))
        assert all(isinstance(r, (str, Slot, AppointmentError)) for r in results["block"])
        status = house.document(slot)["status"]
        if held:
            assert (len(held), len(blocked), status) == (1, 0, SlotStatus.RESERVED)
            return "held"
        assert (len(blocked), status) == (each, SlotStatus.BLOCKED)
        return "blocked"

    return Round(
        sides={
            "hold": [partial(house.hold, slot, patient) for patient in patients],
            "block": [partial(clinic.block, slot)] * each,
        },
        judge=judge,
    )


HOLD_BLOCK = Race(
    name="hold/block",
    begin=_hold_block,
    controls=[
        Control(
            guard="the condition of the update",
            off=guards.decides_on_a_read,
            harms=frozenset({HELD_AND_BLOCKED}),
        )
    ],
    rounds=15,
    outcomes={"held": 1, "blocked": -1},
    first="hold",
)


# --- the doctor's own document --------------------------------------------------------------------


def _doctor_doctor(house: House, _: int, *, from_one_version: bool) -> Round:
    clinic = Managing(house)
    doctor = clinic.add_doctor().id
    expected = frozenset({1}) if from_one_version else None

    def judge(results: Results) -> str:
        changed = [r for r in results["change"] if not isinstance(r, AppointmentError)]
        refused = {r.code for r in results["change"] if isinstance(r, AppointmentError)}
        versions = sorted(doctor.version for doctor in changed)
        ensure(len(set(versions)) == len(versions), LOST_CHANGE, versions)
        assert versions == list(range(2, 2 + len(changed)))
        found = clinic.catalogue.doctor(doctor)
        assert found is not None
        assert found.version == 1 + len(changed) > 1
        if from_one_version:
            assert len(changed) == 1
            assert refused <= {"version_conflict", "precondition_failed"}
        else:
            assert refused <= {"version_conflict"}
        return "changed"

    names = [f"Dr. {number}" for number in range(THREADS)]
    changes = [partial(clinic.change_doctor, doctor, name=n, expected=expected) for n in names]
    return Round(sides={"change": changes}, judge=judge)


_ANY_VERSION = Control(
    guard="the version in the update's condition",
    off=guards.at_any_version,
    harms=frozenset({LOST_CHANGE}),
)

DOCTOR_DOCTOR = Race(
    name="doctor/doctor",
    begin=partial(_doctor_doctor, from_one_version=False),
    controls=[_ANY_VERSION],
    rounds=4,
    outcomes={"changed": 0},
)

DOCTOR_VERSION = Race(
    name="doctor/doctor from one version",
    begin=partial(_doctor_doctor, from_one_version=True),
    controls=[_ANY_VERSION],
    rounds=10,
    outcomes={"changed": 0},
)
