"""One booking, for those who may see it."""

from __future__ import annotations

from dataclasses import dataclass

from slotkeeper.domain.booking import Booking
from slotkeeper.domain.errors import NotFound
from slotkeeper.domain.user import Caller, Role
from slotkeeper.ports.bookings import Ledger
from slotkeeper.ports.clinic import DoctorStore
from slotkeeper.ports.people import UserStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Whose bookings somebody sees: all, a user's, or a clinic's; none where none is named."""

    is_all: bool = False
    user_id: str | None = None
    clinic_id: str | None = None


def sight_of(caller: Caller, users: UserStore) -> Sight:
    """Whose bookings the caller may see: the one place that says so."""
    match caller.role:
        case Role.ADMIN:
            return Sight(is_all=True)
        case Role.STAFF:
            return Sight(clinic_id=users.get(caller.user_id).clinic_id)
        case Role.PATIENT:
            return Sight(user_id=caller.user_id)


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
    sight = sight_of(caller, users)
    is_theirs = sight.is_all or booking.user_id == sight.user_id
    if not is_theirs and sight.clinic_id is not None:
        is_theirs = doctors.clinic_of(booking.doctor_id) == sight.clinic_id
    if not is_theirs:
        raise NotFound
    return booking
