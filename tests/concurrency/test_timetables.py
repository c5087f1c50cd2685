"""One doctor's slots changed by many at once, with a control: without turns they overlap."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial
from typing import Any

from pymongo.client_session import ClientSession

from slotkeeper.adapters.mongo.timetables import MongoTimetables
from slotkeeper.domain.errors import AppointmentError
from slotkeeper.domain.timetable import Filled, TimeChange
from tests.concurrency.at_once import at_once
from tests.support.house import House
from tests.support.managing import Managing, day_schedule, in_days


class NotInTurn(MongoTimetables):
    """The control: reads the doctor and does not write it, as a system without turns would.

    `everybody` makes all of them see the slots before any of them adds its own.
    """

    def __init__(self, house: House, everybody: threading.Barrier):
        super().__init__(house.database)
        self._everybody = everybody

    def _next_in_turn(self, doctor_id: str, session: ClientSession) -> dict[str, Any]:
        doctor = self._doctors.find_one({"_id": doctor_id}, session=session)
        assert doctor is not None
        self._slots.find_one({"doctorId": doctor_id}, session=session)
        self._everybody.wait(timeout=10)
        return {**doctor, "calendarAt": None}


def _schedules(clinic: Managing, doctor: str, count: int) -> list[Any]:
    """As many schedules of one day, each a minute later: all in each other's way."""
    return [
        partial(clinic.fill, doctor, day_schedule(minutes=60, past=number))
        for number in range(count)
    ]


def test_schedules_made_at_once_never_overlap(house: House) -> None:
    clinic = Managing(house)
    doctor = clinic.add_doctor().id

    results = at_once(_schedules(clinic, doctor, 32))

    made = [result for result in results if isinstance(result, Filled)]
    assert len(made) == 32, [r for r in results if isinstance(r, AppointmentError)]
    assert clinic.overlaps(doctor) == 0
    assert sum(filled.created for filled in made) == len(clinic.slots(doctor)) > 0
    assert len(house.audit(type="schedule.created")) == 32


def test_control_without_turns_schedules_made_at_once_overlap(house: House) -> None:
    clinic = Managing(house)
    doctor = clinic.add_doctor().id
    clinic.timetables = NotInTurn(house, threading.Barrier(4))

    at_once(_schedules(clinic, doctor, 4))

    assert clinic.overlaps(doctor) > 0


def test_the_same_schedule_sent_many_times_at_once_is_made_once(house: House) -> None:
    clinic = Managing(house)
    doctor = clinic.add_doctor().id

    results = at_once([partial(clinic.fill, doctor, day_schedule(), "k")] * 16)

    assert results == [Filled(created=16, skipped=0)] * 16
    assert len(clinic.slots(doctor)) == 16
    assert len(house.audit(type="schedule.created")) == 1


def test_a_slot_held_while_its_time_is_removed_is_held_or_gone(house: House) -> None:
    clinic = Managing(house)
    doctor = clinic.add_doctor().id
    clinic.fill(doctor, day_schedule(hours=(9, 14)))
    slots = [slot["_id"] for slot in clinic.slots(doctor)]
    patients = [house.patient() for _ in slots]
    day = (in_days(3, 0), in_days(4, 0))

    results = at_once(
        [partial(house.hold, s, p) for s, p in zip(slots, patients, strict=True)]
        + [partial(clinic.change_time, doctor, TimeChange.REMOVED, *day)]
    )

    held = {s for s, r in zip(slots, results, strict=False) if isinstance(r, str)}
    assert {slot["_id"] for slot in clinic.slots(doctor)} == held
    assert {slot.id for slot in results[-1].kept} <= held
    assert results[-1].changed == len(slots) - len(held)
    for slot, attempt, patient in zip(slots, results, patients, strict=False):
        if slot in held:
            assert house.verify(attempt, patient).booking.slot_id == slot


def test_a_slot_held_while_it_is_blocked_is_held_or_blocked(house: House) -> None:
    clinic = Managing(house)
    doctor = clinic.add_doctor().id
    for day in range(1, 9):
        slot, alice = house.slot(doctor, starts_in=timedelta(days=day)), house.patient()

        held, blocked = at_once([partial(house.hold, slot, alice), partial(clinic.block, slot)])

        assert isinstance(held, AppointmentError) != isinstance(blocked, AppointmentError)


def test_a_doctor_changed_by_many_at_once_has_every_change(house: House) -> None:
    clinic = Managing(house)
    doctor = clinic.add_doctor().id

    results = at_once(
        [partial(clinic.change_doctor, doctor, name=f"Dr. {number}") for number in range(8)]
    )

    changed = [r for r in results if not isinstance(r, AppointmentError)]
    assert changed
    assert {r.code for r in results if isinstance(r, AppointmentError)} <= {"version_conflict"}
    found = clinic.catalogue.doctor(doctor)
    assert found is not None
    assert found.version == 1 + len(changed)
    assert sorted(r.version for r in changed) == list(range(2, 2 + len(changed)))


def test_of_changes_to_the_same_version_one_is_made(house: House) -> None:
    clinic = Managing(house)
    doctor = clinic.add_doctor().id
    first = frozenset({1})

    results = at_once(
        [partial(clinic.change_doctor, doctor, name=f"Dr. {n}", expected=first) for n in range(8)]
    )

    refused = {r.code for r in results if isinstance(r, AppointmentError)}
    assert sum(not isinstance(r, AppointmentError) for r in results) == 1
    assert refused <= {"version_conflict", "precondition_failed"}
