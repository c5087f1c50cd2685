"""Cancel a confirmed booking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slotkeeper.domain.booking import CANCEL, Booking, BookingChange, BookingStatus
from slotkeeper.domain.errors import BookingNotConfirmed, PreconditionFailed
from slotkeeper.domain.user import Caller, Role
from slotkeeper.services.access import booking_for
from slotkeeper.services.change_booking import BookingEnds, end_booking

if TYPE_CHECKING:
    from slotkeeper.domain.policy import BookingPolicy
    from slotkeeper.ports.clinic import DoctorStore
    from slotkeeper.ports.people import UserStore


def cancel_booking(
    *,
    booking_id: str,
    caller: Caller,
    reason: str | None,
    expected: frozenset[int] | None,
    request_id: str,
    request_key: str,
    doctors: DoctorStore,
    users: UserStore,
    ends: BookingEnds,
    policy: BookingPolicy,
) -> Booking:
    """The booking, cancelled: by this request or, alike, by one before it.

    A patient may until `policy.cancel_window` before the start, staff and admins whenever.

    Raises:
        NotFound: absent, or not the caller's to change.
        PreconditionFailed: not a version in `expected`; of a cancelled booking also the version
            that was cancelled will do (RFC 9110, 13.1.1).
        BookingNotConfirmed: it was rescheduled, or is over.
        TooLate: it starts too soon.
        Unavailable: a server did not answer; repeating the request is safe.
    """
    booking = booking_for(caller, booking_id, ledger=ends.ledger, doctors=doctors, users=users)
    if booking.status is BookingStatus.CANCELLED:
        if expected is not None and not expected & {booking.version, booking.version - 1}:
            raise PreconditionFailed
        return booking
    asked = BookingChange(
        transition=CANCEL,
        actor=caller.user_id,
        request_id=request_id,
        request_key=request_key,
        reason=reason,
    )
    ahead = policy.cancel_window if caller.role is Role.PATIENT else None
    try:
        return end_booking(booking, asked, ahead=ahead, expected=expected, ends=ends)
    except BookingNotConfirmed:
        # Another request may have cancelled it since it was read.
        now = ends.ledger.booking(booking_id)
        if now is None or now.status is not BookingStatus.CANCELLED:
            raise
        return now
