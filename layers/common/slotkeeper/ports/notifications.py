"""What is sent to people, and how it gets there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.user import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeJob:
    """Send the attempt's code number `send_number`; carries ids only."""

    attempt_id: str
    slot_id: str
    user_id: str
    channel: Channel
    send_number: int
    request_id: str


class JobQueue(Protocol):
    def send_code(self, job: CodeJob) -> None: ...

    def send_events(self, events: Sequence[DomainEvent]) -> Sequence[DomainEvent]:
        """Queue the events; those that were taken."""
        ...


class RelayWaker(Protocol):
    def wake(self) -> None:
        """Ask the relay to run now; the schedule will anyway."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The only turn, at this time, to tell of a booking.

    `is_late`: something that happened to it later has been told, or is about to be.
    """

    booking_id: str
    lease: str
    is_late: bool


class Deliveries(Protocol):
    def take_turn(self, booking_id: str, version: int) -> Turn:
        """Be the only one to tell of this booking, of its fact of that version.

        Raises Unavailable while another worker is telling of it.
        """
        ...

    def end_turn(self, turn: Turn) -> None: ...

    def claim(self, key: str) -> bool:
        """Whether this notification is ours to send; False when it was sent.

        Raises Unavailable while another worker is sending it.
        """
        ...

    def mark_sent(self, key: str, message_id: str | None) -> None:
        """It is done; `message_id` is the provider's, to trace it by (None: nobody to send to)."""
        ...

    def give_up(self, key: str) -> None:
        """It was not sent: the next worker may try."""
        ...


class Notifier(Protocol):
    def send(self, channel: Channel, address: str, subject: str, text: str) -> str:
        """Hand the message to the provider; its id there. Raises Unavailable if refused."""
        ...
