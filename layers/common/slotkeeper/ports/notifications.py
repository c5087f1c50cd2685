"""What is sent to people, and how it gets there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from slotkeeper.domain.errors import Unavailable
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.domain.provider import State
    from slotkeeper.domain.user import Channel


class CodeJob(Value, kw_only=True):
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


class Turn(Value, kw_only=True):
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


class AddressRefused(Exception):
    """The provider sends nothing to this address, however often it is asked; `why` is its code."""

    def __init__(self, why: str = ""):
        super().__init__()
        self.why = why


class NotTaken(Unavailable):
    """The provider did not take the message; `why` is the code or kind of its error."""

    def __init__(self, why: str = ""):
        super().__init__()
        self.why = why


class MaybeSent(NotTaken):
    """The provider did not say whether it took the message: it may have."""


class NobodyAsked(Unavailable):
    """No provider was asked: none is in use, or all that are rest."""


class Notifier(Protocol):
    def send(self, channel: Channel, address: str, subject: str, text: str) -> str:
        """Hand the message to a provider; its id there.

        Raises:
            Unavailable: nobody took it.
            AddressRefused: nobody ever will.
        """
        ...


class Provider(Protocol):
    """One way of one channel."""

    name: str

    def send(self, address: str, subject: str, text: str) -> str:
        """Its id there. Raises NotTaken, MaybeSent or AddressRefused."""
        ...


class Outcome(StrEnum):
    """What became of a message that a provider was given."""

    TAKEN = "taken"
    FAILED = "failed"
    """The provider's doing: it did not answer, is overloaded, or lets nobody send."""
    REFUSED = "refused"
    """The address's doing: it says nothing of the provider."""


class Leave(Value, kw_only=True):
    """Leave to ask a provider; `trial`: to this one alone, to see if it works again."""

    is_given: bool
    trial: str | None = None


class Standing(Value, kw_only=True):
    """What is known of a provider: by its last messages, of which so many failed."""

    state: State
    since: datetime | None = None
    """When it began to fail; None while it does not."""
    next_trial: datetime | None = None
    taken: int = 0
    failed: int = 0


class Breakers(Protocol):
    """One breaker a provider, the same for all senders. Closed where it cannot be told."""

    def ask(self, provider: str) -> Leave: ...

    def tell(self, provider: str, leave: Leave, outcome: Outcome) -> State:
        """Note what became of it; how the breaker is now."""
        ...


class Watch(Protocol):
    """Is told what becomes of messages, to count it."""

    def told(self, provider: str, outcome: Outcome | None, state: State, why: str = "") -> None:
        """What became of a message, and why; None: the provider was not asked."""
        ...

    def fell_back(self) -> None:
        """What should have gone by SMS went by email."""
        ...


class Unwatched:
    """`Watch` that counts nothing."""

    def told(self, provider: str, outcome: Outcome | None, state: State, why: str = "") -> None:
        pass

    def fell_back(self) -> None:
        pass
