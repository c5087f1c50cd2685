"""One booking, for those who may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slotkeeper.services.access import booking_for

if TYPE_CHECKING:
    from slotkeeper.domain.booking import Booking
    from slotkeeper.domain.user import Caller
    from slotkeeper.ports.bookings import Ledger
    from slotkeeper.ports.clinic import DoctorStore
    from slotkeeper.ports.people import UserStore


def get_booking(
    *, booking_id: str, caller: Caller, ledger: Ledger, doctors: DoctorStore, users: UserStore
) -> Booking:
    """The booking, if it is the caller's own or of the clinic the caller works for.

    Raises:
        NotFound: absent, or not the caller's to see.
    """
    return booking_for(caller, booking_id, ledger=ledger, doctors=doctors, users=users)
