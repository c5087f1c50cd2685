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
