"""Who may manage what: staff their clinic's doctors, admins everybody's."""

from __future__ import annotations

from slotkeeper.domain.errors import NotFound
from slotkeeper.domain.user import Caller, Role
from slotkeeper.ports.clinic import DoctorStore
from slotkeeper.ports.people import UserStore


def ensure_manages(
    caller: Caller, doctor_id: str, *, doctors: DoctorStore, users: UserStore
) -> None:
    """Raises NotFound where the doctor is of another clinic than the caller, or of none.

    Of an admin nothing is asked: whether there is such a doctor shows in what they do next.
    """
    if caller.role is Role.ADMIN:
        return
    clinic_id = clinic_of_staff(caller, users)
    if clinic_id is None or doctors.clinic_of(doctor_id) != clinic_id:
        raise NotFound


def clinic_of_staff(caller: Caller, users: UserStore) -> str | None:
    """The one clinic that the caller works for; None for who works for none."""
    return users.get(caller.user_id).clinic_id if caller.role is Role.STAFF else None
