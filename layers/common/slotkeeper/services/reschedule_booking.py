"""Give up a confirmed booking, to book another slot of the doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slotkeeper.domain.booking import RESCHEDULE, Booking, BookingChange, BookingStatus
from slotkeeper.domain.errors import BookingNotConfirmed
from slotkeeper.services.access import booking_for
from slotkeeper.services.change_booking import BookingEnds, end_booking

if TYPE_CHECKING:
    from slotkeeper.domain.policy import BookingPolicy
    from slotkeeper.domain.user import Caller
    from slotkeeper.ports.clinic import DoctorStore
    from slotkeeper.ports.people import UserStore


def reschedule_booking(
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
    """The booking, rescheduled by this request; `request_key` tells it when it is repeated.

    Raises:
        NotFound: absent, or not the caller's to change.
        PreconditionFailed: not a version in `expected`.
        BookingNotConfirmed: it was cancelled, rescheduled by another request, or is over.
        TooLate: it does not start more than `policy.reschedule_window` from now.
        Unavailable: a server did not answer; repeating the request is safe.
    """
    booking = booking_for(caller, booking_id, ledger=ends.ledger, doctors=doctors, users=users)
    if _is_ours(booking, request_key):
        return booking
    asked = BookingChange(
        transition=RESCHEDULE,
        actor=caller.user_id,
        request_id=request_id,
        request_key=request_key,
        reason=reason,
    )
    try:
        ended = end_booking(
            booking, asked, ahead=policy.reschedule_window, expected=expected, ends=ends
        )
    except BookingNotConfirmed:
        # This very request, sent twice, may have done it since the booking was read.
        now = ends.ledger.booking(booking_id)
        if now is None or not _is_ours(now, request_key):
            raise
        return now
    if not _is_ours(ended, request_key):
        raise BookingNotConfirmed
    return ended


def _is_ours(booking: Booking, request_key: str) -> bool:
    return booking.status is BookingStatus.RESCHEDULED and booking.changed_by == request_key
