"""Slots for weeks to come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slotkeeper.domain.schedule import WeeklySchedule, slots_of
from slotkeeper.services.access import ensure_manages

if TYPE_CHECKING:
    from slotkeeper.domain.doctor import Doctor
    from slotkeeper.domain.slot import Slot
    from slotkeeper.domain.timetable import Asked, Filled
    from slotkeeper.domain.user import Caller
    from slotkeeper.ports.clinic import DoctorStore, Timetables
    from slotkeeper.ports.pages import SlotPages
    from slotkeeper.ports.people import UserStore


def create_schedule(
    *,
    doctor_id: str,
    schedule_in: Callable[[str], WeeklySchedule],
    details: Mapping[str, Any],
    caller: Caller,
    asked: Asked,
    timetables: Timetables,
    doctors: DoctorStore,
    users: UserStore,
    pages: SlotPages,
) -> Filled:
    """Add the schedule's slots to the doctor's; those there already, or in whose way one is, are
    left out.

    `schedule_in` is the schedule by the doctor's time zone; `details` are kept with it.

    Raises:
        NotFound: no such doctor, or another clinic's.
        InvalidRequest: too many slots.
        Unavailable: MongoDB did not answer; repeating the request is safe.
    """
    ensure_manages(caller, doctor_id, doctors=doctors, users=users)

    def make(doctor: Doctor, version: int) -> Sequence[Slot]:
        return slots_of(schedule_in(doctor.time_zone), doctor, version=version)

    filled = timetables.fill(doctor_id, asked, details, make)
    pages.forget(doctor_id)
    return filled
