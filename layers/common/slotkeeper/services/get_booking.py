"""One booking, for those who may see it."""

from __future__ import annotations

from slotkeeper.domain.booking import Booking
from slotkeeper.domain.errors import NotFound
from slotkeeper.domain.user import Caller, Role
from slotkeeper.ports import DoctorStore, Ledger, UserStore


def get_booking(
    *, booking_id: str, caller: Caller, ledger: Ledger, doctors: DoctorStore, users: UserStore
) -> Booking:
    """The booking, if it is the caller's own or of the clinic the caller works for.

    Raises:
        NotFound: absent, or not the caller's to see.
    """
    booking = ledger.booking(booking_id)
    if booking is None:
        raise NotFound
    match caller.role:
        case Role.ADMIN:
            allowed = True
        case Role.STAFF:
            clinic = users.get(caller.user_id).clinic_id
            allowed = clinic is not None and clinic == doctors.clinic_of(booking.doctor_id)
        case Role.PATIENT:
            allowed = booking.user_id == caller.user_id
    if not allowed:
        raise NotFound
    return booking
