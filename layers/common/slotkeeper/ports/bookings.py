"""Bookings, and what is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.booking import Booking, BookingStatus
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.ports.pages import Position


class Ledger(Protocol):
    """Bookings, outbox and audit log: what follows from a decision and must not be lost."""

    def record(self, *, bookings: Sequence[Booking], facts: Sequence[DomainEvent]) -> None:
        """Store the bookings, change those whose end a fact tells; for each fact, one outbox event
        and one audit entry.

        Who is told to have confirmed a booking has proved themselves: their row of wrong codes
        ends.
        What is stored or changed already is left as it is. `facts` are in order for each slot.
        """
        ...

    def bearing_on_hold(
        self, user_id: str, *, ids: Sequence[str], around: datetime | None
    ) -> Sequence[Booking]:
        """Bookings with these ids, and the user's confirmed ones that may overlap with a slot that
        starts then (None: that are not over). At most 100.
        """
        ...

    def booking(self, booking_id: str) -> Booking | None: ...


class BookingFilter(Value, kw_only=True):
    """Bookings of a user, or with any of these doctors (None: all); `[start, end)` of starts."""

    user_id: str | None = None
    doctor_ids: Sequence[str] | None = None
    status: BookingStatus | None = None
    start: datetime | None = None
    end: datetime | None = None


class BookingLists(Protocol):
    """Lists of bookings, ordered by (start, id)."""

    def page(
        self, wanted: BookingFilter, *, after: Position | None, skip: int, limit: int
    ) -> Sequence[Booking]: ...

    def count(self, wanted: BookingFilter) -> int: ...


class Calendars(Protocol):
    def file_of(self, booking: Booking, *, doctor_name: str | None) -> str:
        """The booking as a calendar file (RFC 5545); a later version of it replaces the earlier."""
        ...


class Outbox(Protocol):
    def claim(self, *, limit: int) -> Sequence[DomainEvent]:
        """Lease up to `limit` unsent facts to this relay, in order for each aggregate."""
        ...

    def mark_sent(self, events: Sequence[DomainEvent]) -> None: ...
