"""A slot: a bookable interval of one doctor, and what can happen to it."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from slotkeeper.domain.errors import (
    AppointmentError,
    SlotHeld,
    SlotInPast,
    SlotUnavailable,
)
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.attempt import Attempt
    from slotkeeper.domain.user import Channel

MAX_SLOT = timedelta(hours=8)
"""No slot is longer."""


class SlotStatus(StrEnum):
    ACTIVE = "active"
    RESERVED = "reserved"
    BOOKED = "booked"
    BLOCKED = "blocked"


class Transition(Value):
    """A named change of status; adapters carry it out as one conditional write."""

    source: SlotStatus
    target: SlotStatus
    event: str


CONFIRM = Transition(SlotStatus.RESERVED, SlotStatus.BOOKED, "booking.confirmed")
CONFIRM_LATE = Transition(SlotStatus.ACTIVE, SlotStatus.BOOKED, CONFIRM.event)
"""A payment that came when the hold was over, for a slot that is still free (ADR 0005)."""
RELEASE = Transition(SlotStatus.RESERVED, SlotStatus.ACTIVE, "hold.released")
EXPIRE = Transition(SlotStatus.RESERVED, SlotStatus.ACTIVE, "hold.expired")
"""HOLD has no entry: it leads from active (or an expired hold) to reserved and tells nobody."""


class Hold(Value, kw_only=True):
    """One patient's claim on a slot until `expires_at`; `sends` and `tries` count its codes.

    `channel` is the one the patient asked for, or None for whatever the profile prefers.
    """

    attempt_id: str
    user_id: str
    placed_at: datetime
    expires_at: datetime
    channel: Channel | None
    sends: int
    sent_at: datetime
    code_expires_at: datetime
    tries: int
    replaces: str | None = None
    """The booking that this attempt's booking will take the place of."""

    def is_live(self, now: datetime) -> bool:
        """A hold ends at `expires_at` exactly: the instant itself belongs to the next patient."""
        return now < self.expires_at


class Slot(Value, kw_only=True):
    id: str
    doctor_id: str
    date: str
    start_time: datetime
    end_time: datetime
    status: SlotStatus
    version: int
    hold: Hold | None = None
    booking_id: str | None = None

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Whether the slot shares an instant with `[start, end)`."""
        return self.start_time < end and start < self.end_time

    def is_booked_by(self, booking_id: str) -> bool:
        return self.status is SlotStatus.BOOKED and self.booking_id == booking_id

    def live_hold(self, now: datetime) -> Hold | None:
        """The hold that keeps others off this slot at `now`, or None."""
        if self.status is SlotStatus.RESERVED and self.hold and self.hold.is_live(now):
            return self.hold
        return None

    def live_hold_of(self, attempt: Attempt, now: datetime) -> Hold | None:
        """The live hold, if it is this attempt's of this patient."""
        hold = self.live_hold(now)
        is_theirs = hold and (hold.attempt_id, hold.user_id) == (attempt.id, attempt.user_id)
        return hold if is_theirs else None


class FreeSlot(Value, kw_only=True):
    """A slot as a list of free ones tells it: a hold that it had is over, and nobody's business."""

    id: str
    doctor_id: str
    date: str
    start_time: datetime
    end_time: datetime


_START = re.compile(r"[0-9]{8}T[0-9]{4}Z", re.ASCII)


def slot_id(doctor_id: str, start_time: datetime) -> str:
    """The id of the doctor's slot at `start_time`: same doctor and instant, same slot."""
    return f"{doctor_id}_{start_time.astimezone(UTC):%Y%m%dT%H%MZ}"


def start_of(slot_id: str) -> datetime | None:
    """The start that a slot id names; None of an id that was not made by `slot_id`."""
    text = slot_id.rpartition("_")[2]
    try:
        return datetime.fromisoformat(text) if _START.fullmatch(text) else None
    except ValueError:
        return None


def doctor_of(slot_id: str) -> str:
    """The doctor (shard key) that a slot id names; of any other string, some string."""
    return slot_id.rpartition("_")[0]


def hold_refusal(slot: Slot, now: datetime) -> AppointmentError:
    """Why a slot that could not be held at `now` could not be held."""
    if slot.start_time <= now:
        return SlotInPast()
    hold = slot.live_hold(now)
    if hold is not None:
        return SlotHeld(retry_after_seconds=seconds_until(hold.expires_at, now))
    return SlotUnavailable()


def seconds_until(instant: datetime, now: datetime) -> int:
    """Whole seconds from `now` to `instant`, rounded up, at least 1: fit for Retry-After."""
    return max(1, math.ceil((instant - now).total_seconds()))
