"""What a clinic says of a doctor changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from slotkeeper.domain.errors import NotFound, PreconditionFailed, VersionConflict
from slotkeeper.services.access import ensure_manages

if TYPE_CHECKING:
    from slotkeeper.domain.doctor import Doctor
    from slotkeeper.domain.timetable import Asked
    from slotkeeper.domain.user import Caller
    from slotkeeper.ports.clinic import Catalogue, DoctorFile, DoctorStore
    from slotkeeper.ports.pages import DoctorPages, SlotPages
    from slotkeeper.ports.people import UserStore

_TRIES = 5


def update_doctor(
    *,
    doctor_id: str,
    change: Callable[[Doctor], Doctor],
    caller: Caller,
    expected: frozenset[int] | None,
    asked: Asked,
    catalogue: Catalogue,
    file: DoctorFile,
    doctors: DoctorStore,
    users: UserStore,
    doctor_pages: DoctorPages,
    slot_pages: SlotPages,
) -> Doctor:
    """The doctor as this request made them, or has made them; the same version if nothing differs.

    Raises:
        NotFound: absent, or another clinic's.
        PreconditionFailed: not a version in `expected`.
        VersionConflict: changed by somebody else at the same time.
        Unavailable: MongoDB did not answer; repeating the request is safe.
    """
    ensure_manages(caller, doctor_id, doctors=doctors, users=users)
    for _ in range(_TRIES if expected is None else 1):
        doctor = catalogue.doctor(doctor_id)
        if doctor is None:
            raise NotFound
        wanted = change(doctor)
        if doctor.changed_by == asked.request_key and wanted == doctor:
            return doctor
        if expected is not None and doctor.version not in expected:
            raise PreconditionFailed
        if wanted == doctor:
            return doctor
        wanted = replace(wanted, version=doctor.version + 1, changed_by=asked.request_key)
        if file.change(wanted, asked, expected=doctor.version):
            doctor_pages.forget()
            if wanted.time_zone != doctor.time_zone:
                slot_pages.forget(doctor_id)
            return wanted
    raise VersionConflict
