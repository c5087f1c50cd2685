"""What a patient's other holds and bookings say of a hold just placed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from slotkeeper.domain.attempt import booking_id
from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.errors import (
    BookingNotConfirmed,
    IdempotencyKeyReused,
    SlotHeld,
    SlotUnavailable,
    TooLate,
)
from slotkeeper.domain.slot import Hold, Slot, seconds_until
from slotkeeper.services.access import own_booking

if TYPE_CHECKING:
    from slotkeeper.domain.policy import BookingPolicy
    from slotkeeper.ports.holds import HoldTicket
    from slotkeeper.ports.slots import SlotDecision


def ensure_may_hold(
    ticket: HoldTicket,
    decision: SlotDecision,
    hold: Hold,
    replaces: str | None,
    *,
    bookings: Sequence[Booking],
    others: Sequence[Slot],
    policy: BookingPolicy,
) -> None:
    """Nothing, if the hold may stay.

    `bookings` are `Ledger.bearing_on_hold`, `others` the slots the patient holds besides.

    Raises:
        IdempotencyKeyReused: the key was forgotten (24 h, a lost Redis) but its attempt was booked.
        SlotHeld: the slot is held for another purpose.
        NotFound, BookingNotConfirmed, TooLate: what it is to replace cannot give way.
        SlotUnavailable: the patient has another appointment at that time, or is making one.
    """
    is_booked = any(booking.id == booking_id(ticket.attempt_id) for booking in bookings)
    if hold.attempt_id == ticket.attempt_id and is_booked:
        raise IdempotencyKeyReused
    if hold.replaces != replaces:
        raise SlotHeld(
            "You are holding this slot for another purpose.",
            retry_after_seconds=seconds_until(hold.expires_at, decision.now),
        )
    if replaces is not None:
        old = next((booking for booking in bookings if booking.id == replaces), None)
        _ensure_replaceable(old, hold.user_id, decision.now, policy.reschedule_window)
    if policy.forbid_overlaps:
        _ensure_no_overlap(decision.slot, hold, bookings, others)


def _ensure_replaceable(
    old: Booking | None, user_id: str, now: datetime, window: timedelta
) -> None:
    old = own_booking(old, user_id)
    if old.status is not BookingStatus.CONFIRMED:
        raise BookingNotConfirmed
    if old.start_time - now <= window:
        raise TooLate


def _ensure_no_overlap(
    slot: Slot, hold: Hold, bookings: Sequence[Booking], others: Sequence[Slot]
) -> None:
    booked = [
        (booking.start_time, booking.end_time)
        for booking in bookings
        if (booking.user_id, booking.status) == (hold.user_id, BookingStatus.CONFIRMED)
        and booking.id != hold.replaces
    ]
    held = [(other.start_time, other.end_time) for other in others if other.id != slot.id]
    if any(slot.overlaps(start, end) for start, end in (*booked, *held)):
        raise SlotUnavailable("You hold or have booked another slot at that time.")
