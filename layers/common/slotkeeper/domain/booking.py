"""A booking: a confirmed appointment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class BookingStatus(StrEnum):
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    RESCHEDULED = "rescheduled"
    COMPLETED = "completed"
    NO_SHOW = "no_show"


@dataclass(frozen=True, slots=True)
class BookingTransition:
    """A named change of a booking's status, and the fact it is told by."""

    target: BookingStatus
    event: str


CANCEL = BookingTransition(BookingStatus.CANCELLED, "booking.cancelled")
RESCHEDULE = BookingTransition(BookingStatus.RESCHEDULED, "booking.rescheduled")
"""Both lead away from `confirmed`, the only status that anything leads away from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    id: str
    attempt_id: str
    slot_id: str
    doctor_id: str
    user_id: str
    date: str
    start_time: datetime
    end_time: datetime
    status: BookingStatus
    version: int
    created_at: datetime
    updated_at: datetime
    replaces: str | None = None
    """The booking that this one took the place of."""
    replaced_by: str | None = None
    """The booking that took this one's place."""
    changed_by: str | None = None
    """The request that changed it last, by its key: how a repeated request finds its own effect."""
