"""The things of the specification."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from slotkeeper.domain.events import DomainEvent
from tests.model.refused import Refused

ENDS = frozenset({"booking.cancelled", "booking.rescheduled"})
"""Facts that end a booking."""


@dataclass(frozen=True)
class Patient:
    id: str
    phone: str | None = None
    email: str | None = None
    preferred: str | None = None

    def address(self, channel: str | None) -> str | None:
        return {"sms": self.phone, "email": self.email}.get(channel or "")

    def channel(self, *wanted: str | None) -> str | None:
        """The first of them by which the patient can be reached."""
        return next((one for one in wanted if self.address(one)), None)

    def channel_for_code(self, wanted: str | None) -> str:
        channel = self.channel(*([wanted] if wanted else [self.preferred, "sms", "email"]))
        if channel is None:
            raise Refused("invalid_request")
        return channel


@dataclass
class Hold:
    user: str
    attempt: str
    until: datetime
    channel: str | None
    replaces: str | None
    sent_at: datetime
    code_until: datetime
    sends: int = 1
    tries: int = 0
    resend_key: str | None = None
    previous: tuple[datetime, datetime] | None = None
    """When the code before the newest was sent, and until when it worked."""


@dataclass
class Slot:
    id: str
    doctor: str
    start: datetime
    end: datetime
    status: str = "active"
    version: int = 1
    hold: Hold | None = None
    booking: str | None = None
    facts: list[DomainEvent] = field(default_factory=list)
    """Decided here, not yet known to be told."""

    def overlaps(self, start: datetime, end: datetime) -> bool:
        return self.start < end and start < self.end

    def live_hold(self, now: datetime) -> Hold | None:
        return self.hold if self.hold and now < self.hold.until else None

    def told(self, type_: str, **of: str) -> DomainEvent | None:
        found = (fact for fact in self.facts if fact.type == type_)
        return next((f for f in found if all(getattr(f, k) == v for k, v in of.items())), None)


@dataclass
class Notice:
    """An event in the outbox."""

    fact: DomainEvent
    is_sent: bool = False
    leased_until: datetime | None = None


@dataclass(frozen=True)
class Held:
    attempt: str
    slot: str
    until: datetime
    at: datetime
    sent: tuple[str, datetime, datetime]
    """By which channel the code went, until when it works, when the next may be asked for."""


@dataclass
class Row:
    """A user's wrong codes with none right between them, and of those how many of late."""

    in_a_row: int
    in_window: int
    window_ends: datetime
    failed_at: datetime


@dataclass(frozen=True)
class CodeMessage:
    attempt: str
    user: str
    channel: str
    number: int
