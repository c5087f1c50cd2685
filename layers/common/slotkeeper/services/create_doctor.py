"""A clinic has a new doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slotkeeper.domain.doctor import Doctor, doctor_id
from slotkeeper.services.access import clinic_to_add_to

if TYPE_CHECKING:
    from slotkeeper.domain.timetable import Asked
    from slotkeeper.domain.user import Caller
    from slotkeeper.ports.clinic import DoctorFile
    from slotkeeper.ports.pages import DoctorPages
    from slotkeeper.ports.people import UserStore


def create_doctor(
    *,
    name: str,
    specialty: str,
    time_zone: str,
    consultation_fee: int | None,
    clinic_id: str | None,
    caller: Caller,
    asked: Asked,
    file: DoctorFile,
    users: UserStore,
    pages: DoctorPages,
) -> Doctor:
    """The doctor that this request makes, or has made.

    Raises:
        InvalidRequest: an admin names no clinic.
        Forbidden: somebody else's clinic, or staff of none.
        Unavailable: MongoDB did not answer; repeating the request is safe.
    """
    clinic = clinic_to_add_to(caller, clinic_id, users)
    about = (clinic, name, specialty, time_zone, consultation_fee)
    doctor = Doctor(
        id=doctor_id(asked.request_key, *about),
        clinic_id=clinic,
        name=name,
        specialty=specialty,
        time_zone=time_zone,
        consultation_fee=consultation_fee,
        version=1,
        changed_by=asked.request_key,
    )
    made = file.add(doctor, asked)
    pages.forget()
    return made
