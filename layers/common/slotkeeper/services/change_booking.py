"""What cancelling and rescheduling have in common: a confirmed booking ends, its slot is free."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from slotkeeper.domain.booking import Booking, BookingChange, BookingStatus, changed
from slotkeeper.domain.errors import (
    BookingNotConfirmed,
    NotFound,
    PreconditionFailed,
    TooLate,
    Unavailable,
)
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.ports.bookings import Ledger
    from slotkeeper.ports.common import Together
    from slotkeeper.ports.notifications import RelayWaker
    from slotkeeper.ports.pages import SlotPages
    from slotkeeper.ports.slots import BookedSlots


class BookingEnds(Value, kw_only=True):
    """The ports through which a booking ends."""

    slots: BookedSlots
    ledger: Ledger
    pages: SlotPages
    relay: RelayWaker
    together: Together


def end_booking(
    booking: Booking,
    asked: BookingChange,
    *,
    ahead: timedelta | None,
    expected: frozenset[int] | None,
    ends: BookingEnds,
) -> Booking:
    """End the confirmed booking; the booking as it is then.

    The slot decides, as it did when it was booked (ADR 0002); the rest follows and is completed by
    the sweep if this function dies. Where the same end was decided a moment ago by another request,
    it is that one which is completed and answered (`changed_by` tells).

    Raises:
        PreconditionFailed: not a version in `expected`.
        BookingNotConfirmed: it has ended already.
        TooLate: it starts within `ahead`.
        Unavailable: a server did not answer; repeating the request is safe.
    """
    if expected is not None and booking.version not in expected:
        raise PreconditionFailed
    if booking.status is not BookingStatus.CONFIRMED:
        raise BookingNotConfirmed
    try:
        decision = ends.slots.give_back(booking, asked, ahead=ahead)
    except NotFound as gone:
        # Given back by another request a moment ago, and removed by the clinic since.
        raise BookingNotConfirmed from gone
    fact = decision.event
    if fact is None:
        raise TooLate if decision.slot.is_booked_by(booking.id) else BookingNotConfirmed
    # With what else of the booking is not known to be told: the patient hears it in order.
    facts = [told for told in decision.facts if told.booking_id == booking.id]
    ends.together(
        lambda: ends.ledger.record(bookings=[], facts=facts),
        lambda: ends.pages.forget(booking.doctor_id),
    )
    with suppress(Unavailable):
        ends.relay.wake()
    return changed(booking, fact)
