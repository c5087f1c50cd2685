"""One booking as a calendar file, for those who may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slotkeeper.services.access import booking_for

if TYPE_CHECKING:
    from slotkeeper.domain.booking import Booking
    from slotkeeper.domain.user import Caller
    from slotkeeper.ports.bookings import Calendars, Ledger
    from slotkeeper.ports.clinic import Catalogue, DoctorStore
    from slotkeeper.ports.people import UserStore


def get_calendar(
    *,
    booking_id: str,
    caller: Caller,
    ledger: Ledger,
    doctors: DoctorStore,
    catalogue: Catalogue,
    users: UserStore,
    calendars: Calendars,
) -> tuple[Booking, str]:
    """The booking and its calendar file; a cancelled one's takes the appointment out again.

    Raises:
        NotFound: absent, or not the caller's to see.
    """
    booking = booking_for(caller, booking_id, ledger=ledger, doctors=doctors, users=users)
    doctor = catalogue.doctor(booking.doctor_id)
    return booking, calendars.file_of(booking, doctor_name=doctor.name if doctor else None)
