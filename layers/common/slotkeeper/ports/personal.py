"""What is held about one person, to be told to them or to be forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.booking import Booking
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.domain.payment import Saga
    from slotkeeper.domain.slot import Slot
    from slotkeeper.domain.timetable import Asked
    from slotkeeper.ports.pages import Position


class OwnBooking(Value, kw_only=True):
    """A booking, and what was given as reason for its end."""

    booking: Booking
    reason: str | None


class Message(Value, kw_only=True):
    """A message that was sent: by its id here, and the provider's."""

    id: str
    sent_at: datetime | None
    message_id: str | None


class Count(Value, kw_only=True):
    """What one erasure found to take away, or would."""

    profiles: int
    reasons: int
    messages: int
    holds: int


MOST = 500
"""Of what is told at once and not in pages."""


class PersonalData(Protocol):
    """One person's data in the database, all of it found by an index.

    `erase_profile` comes first and the rest can be repeated, so that whatever is cut off halfway
    leaves the least, and is completed by being asked for again.
    """

    def has_profile(self, user_id: str) -> bool: ...

    def coming(self, user_id: str, *, now: datetime) -> Sequence[Booking]:
        """Confirmed bookings that start later than `now`; at most `MOST`."""
        ...

    def erase_profile(self, user_id: str, asked: Asked, *, now: datetime) -> bool:
        """Erase what the profile holds and note in the audit log who asked; whether there was one.

        One transaction. A clinic's word that somebody works for it stays the clinic's.

        Raises:
            AppointmentsAhead: there are confirmed bookings to come; nothing is changed.
        """
        ...

    def erase_reasons(self, user_id: str) -> int:
        """Erase what was given as reason, wherever it is on its way; of how many bookings."""
        ...

    def erase_messages(self, user_id: str, *, since: datetime) -> int:
        """Erase by which ids providers know messages that were sent since then; how many."""
        ...

    def note_export(self, user_id: str, asked: Asked) -> None:
        """Note in the audit log that the person's data was told."""
        ...

    def holds(self, user_id: str) -> Sequence[Slot]:
        """Slots that attempts of the user reserve, over or not; at most `MOST`."""
        ...

    def payments(self, user_id: str) -> Sequence[Saga]:
        """At most `MOST`."""
        ...

    def codes(self, user_id: str) -> Sequence[Message]:
        """What the user was sent codes with; at most `MOST`."""
        ...

    def notices(self, facts: Sequence[str]) -> Sequence[Message]:
        """What told of the facts with these ids."""
        ...

    def bookings(self, user_id: str, *, after: Position | None, limit: int) -> Sequence[OwnBooking]:
        """By start."""
        ...

    def history(self, user_id: str, *, after: Position | None, limit: int) -> Sequence[DomainEvent]:
        """What the audit log tells of the user's attempts and bookings, by time."""
        ...

    def count(self, user_id: str, *, since: datetime) -> Count:
        """What there is to erase."""
        ...


class Remembered(Value, kw_only=True):
    """What Redis holds under a person's name, counted."""

    answers: int
    wrong_codes: int


class PersonalKeys(Protocol):
    """One person's keys in Redis."""

    def remembered(self, user_id: str) -> Remembered: ...

    def forget(self, user_id: str) -> int:
        """Delete remembered requests, what codes are made of, places, and what was viewed last.

        A request under way then finds that it is nobody's, and keeps no answer. Wrong codes stay
        counted, as do requests against their limits: forgetting gives no guess back. How many keys.
        """
        ...
