"""Changes that a clinic makes to a doctor's calendar."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from slotkeeper.domain.slot import Slot, SlotStatus, Transition
from slotkeeper.value import Value

BLOCK = Transition(SlotStatus.ACTIVE, SlotStatus.BLOCKED, "slot.blocked")
UNBLOCK = Transition(SlotStatus.BLOCKED, SlotStatus.ACTIVE, "slot.unblocked")


class TimeChange(StrEnum):
    """What becomes of the free slots of a time."""

    BLOCKED = "blocked"
    ACTIVE = "active"
    REMOVED = "removed"

    @property
    def event(self) -> str:
        """What the audit log calls it."""
        return "calendar.unblocked" if self is TimeChange.ACTIVE else f"calendar.{self}"


class Period(Value, kw_only=True):
    """`[start, end)`: a slot belongs to it if they share an instant."""

    start: datetime
    end: datetime

    def parts(self, longest: timedelta) -> Iterator[Period]:
        """The same time in parts, none longer than that."""
        start = self.start
        while start < self.end:
            end = min(start + longest, self.end)
            yield Period(start=start, end=end)
            start = end


class Asked(Value, kw_only=True):
    """Who asks for a change, and by which request (its own id, and the key it is repeated by)."""

    actor: str
    request_id: str
    request_key: str

    def entry_id(self, event: str, *about: object) -> str:
        """The id of what the log keeps of this request about that: the same, if it is repeated.

        A key may be used again once it is forgotten: for something else it is another entry.
        """
        made_of = "\x00".join([event, self.request_key, *map(repr, about)])
        digest = hashlib.sha256(made_of.encode()).hexdigest()[:32]
        return f"{event.partition('.')[0]}_{digest}"


class Filled(Value, kw_only=True):
    """How many slots a schedule made, and how many it left out: there, or in another's way."""

    created: int
    skipped: int


class TimeChanged(Value, kw_only=True):
    """How many slots changed, and those that could not be: booked or held."""

    changed: int
    kept: Sequence[Slot]
