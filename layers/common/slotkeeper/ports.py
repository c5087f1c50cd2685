"""What the use cases need from the world, each named for what it does.

Every method may raise `Unavailable` when its server does not answer in time. Times are aware UTC;
`now` in an answer is the database's clock, the only one that decides about holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from slotkeeper.domain.booking import Booking
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.slot import Hold, Slot
from slotkeeper.domain.user import Channel, User


class Clock(Protocol):
    def now(self) -> datetime:
        """The function's own time: fit for listing and logging, never for deciding a hold."""
        ...


class Together(Protocol):
    def __call__(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run independent calls at once, wait for all, then raise the first error if any."""
        ...


# --- slots ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotDecision:
    """A slot after an attempt to change it, and the database's `now` at that instant.

    `made` tells whether this very request made the change; otherwise the slot is as it was.
    `event` is the fact the change recorded in the slot, if it was made and tells one.
    """

    slot: Slot
    now: datetime
    made: bool
    event: DomainEvent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotFilter:
    """Free slots of one doctor: a date in the doctor's zone, or start times in `[start, end)`."""

    doctor_id: str
    date: str | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in a list ordered by (key, id): a start time or a name; a page begins after it."""

    key: datetime | str
    id: str


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """A part of a list, how many the whole has, and where the next page begins, if there is one.

    `total` is counted up to `MAX_TOTAL`, so that no count grows with a collection.
    """

    items: Sequence[Item]
    total: int
    next: Position | None


MAX_TOTAL = 10_000


class SlotStore(Protocol):
    def place_hold(
        self,
        slot_id: str,
        *,
        attempt_id: str,
        user_id: str,
        channel: Channel | None,
        request_id: str,
    ) -> SlotDecision:
        """Reserve the slot if it is free or its hold is over. Raises NotFound."""
        ...

    def undo_hold(self, slot_id: str, *, attempt_id: str, request_id: str) -> None:
        """Take back the hold that this very request placed, if it did; tells no event."""
        ...

    def find_attempt(self, attempt_id: str) -> SlotDecision | None:
        """The slot that this attempt reserves or has booked a moment ago (`made` is False).

        Without the slot's id, so off the critical path.
        """
        ...

    def count_try(self, slot_id: str, *, attempt_id: str, user_id: str) -> SlotDecision:
        """Count a wrong code against the attempt's live hold. Raises NotFound."""
        ...

    def count_send(
        self, slot_id: str, *, attempt_id: str, user_id: str, request_id: str
    ) -> SlotDecision:
        """Count a resend and start a new code's life, if allowed by now. Raises NotFound."""
        ...

    def undo_send(self, slot_id: str, *, attempt_id: str, sends: int) -> None:
        """Give back the send that made the count `sends`: its code was never queued."""
        ...

    def confirm(
        self,
        slot_id: str,
        *,
        attempt_id: str,
        user_id: str,
        send_number: int,
        booking_id: str,
        request_id: str,
    ) -> SlotDecision:
        """Reserved to booked, if the hold and its code live: the decision. Raises NotFound."""
        ...

    def release(
        self, slot_id: str, *, attempt_id: str, user_id: str, request_id: str
    ) -> SlotDecision:
        """Free the slot from this attempt's live hold. Raises NotFound."""
        ...

    def expire_due(self, *, limit: int, request_id: str) -> int:
        """Free up to `limit` slots whose hold is over; how many were found due."""
        ...

    def unrecorded(self, *, limit: int) -> Sequence[tuple[Slot, DomainEvent]]:
        """Facts decided in slots but not yet known to be in outbox and audit log."""
        ...

    def mark_recorded(self, facts: Sequence[DomainEvent]) -> None:
        """These facts are in outbox and audit log."""
        ...

    def free_slots(
        self, wanted: SlotFilter, *, now: datetime, after: Position | None, skip: int, limit: int
    ) -> Sequence[Slot]:
        """Slots that could be held at `now`, by start time."""
        ...

    def count_free(self, wanted: SlotFilter, *, now: datetime) -> int: ...


class DoctorStore(Protocol):
    def exists(self, doctor_id: str) -> bool: ...

    def clinic_of(self, doctor_id: str) -> str | None: ...


class UserStore(Protocol):
    def get(self, user_id: str) -> User:
        """The user's profile; an empty one for somebody who never filled it in."""
        ...


# --- bookings, events -----------------------------------------------------------------------------


class Ledger(Protocol):
    """Bookings, outbox and audit log: what follows from a decision and must not be lost."""

    def record(self, *, bookings: Sequence[Booking], facts: Sequence[DomainEvent]) -> None:
        """Store the bookings and, for each fact, one outbox event and one audit entry.

        What is stored already is left as it is.
        """
        ...

    def booking(self, booking_id: str) -> Booking | None: ...


class Outbox(Protocol):
    def claim(self, *, limit: int) -> Sequence[DomainEvent]:
        """Lease up to `limit` unsent facts to this relay, in order for each aggregate."""
        ...

    def mark_sent(self, events: Sequence[DomainEvent]) -> None: ...


# --- requests -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestState:
    """What is known of a request sent before; at most one of the three, none if it is fresh."""

    answer: str | None = None
    is_reused: bool = False
    busy_for_ms: int | None = None


class RequestMemory(Protocol):
    """Idempotency keys: what each stood for and was answered, for 24 hours.

    `key` is `domain.attempt.request_key`; `owner` the invocation that works on it.
    """

    def begin(self, key: str, *, fingerprint: str, owner: str) -> RequestState:
        """What is known of the request; a fresh one is the owner's now, for a short lease."""
        ...

    def complete(self, key: str, *, owner: str, answer: str) -> None: ...

    def abandon(self, key: str, *, owner: str) -> None:
        """The request had no effect: forget its key."""
        ...


# --- holds and codes in Redis ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldTicket:
    """One request to hold a slot; `seed` is what its codes will be made of (base32)."""

    request_key: str
    attempt_id: str
    slot_id: str
    user_id: str
    fingerprint: str
    request_id: str
    seed: str = field(repr=False)
    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What one look at Redis says of a request to hold a slot, and what it took on the way.

    Exactly one of the first four tells the fate of the idempotency key: `answer` given before,
    `is_reused` for another request, `busy_for_ms` because the first is under way, or fresh.
    """

    answer: str | None
    is_reused: bool
    busy_for_ms: int | None
    lock_holder: str
    lock_for_ms: int
    took_lock: bool
    took_place: bool
    place_in_ms: int | None
    took_code: bool


class HoldGate(Protocol):
    def admit(self, ticket: HoldTicket) -> Admission:
        """Begin the request, try the slot's lock, count the hold, lay down the seed; one trip."""
        ...

    def withdraw(self, ticket: HoldTicket, admission: Admission) -> None:
        """Give back what `admission` took, and only that; one trip."""
        ...

    def complete(
        self, ticket: HoldTicket, admission: Admission, *, hold: Hold, answer: str
    ) -> None:
        """Keep the answer for replays, lock and place until the hold's end; one trip.

        Where the patient's hold is of an earlier attempt, this one's lock, seed and place are
        given back.
        """
        ...

    def forget(self, *, attempt_id: str, slot_id: str, user_id: str) -> None:
        """The attempt is over: own lock, seed and place are given back; one trip."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRecord:
    """What a code is made of, never the code."""

    slot_id: str
    seed: str = field(repr=False)
    key_id: str
    send_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTry:
    """A try, counted: its `number` for this attempt, the user's `failures` across attempts.

    `..._in` are seconds until Redis forgets the record and the failures.
    """

    record: CodeRecord | None
    number: int
    record_lapses_in: int
    failures: int
    failures_lapse_in: int


class CodeStore(Protocol):
    def count_try(self, *, user_id: str, attempt_id: str) -> CodeTry:
        """Count a try before anything is compared; one trip."""
        ...

    def count_failure(self, *, user_id: str) -> None:
        """Count a wrong code against the user, across attempts."""
        ...

    def find(self, *, user_id: str, attempt_id: str) -> CodeRecord | None: ...

    def put(self, *, user_id: str, attempt_id: str, record: CodeRecord, lifetime_ms: int) -> None:
        """Make `record` the attempt's only code, unless a newer one is; tries are kept."""
        ...

    def put_back(
        self,
        *,
        user_id: str,
        attempt_id: str,
        record: CodeRecord,
        lifetime_ms: int,
        instead_of: int,
    ) -> None:
        """Make `record` the only code again, if send number `instead_of` is it now."""
        ...


class CodeMaker(Protocol):
    def code(self, record: CodeRecord) -> str:
        """The code for that seed, key and send number: always the same six digits."""
        ...


# --- notifications --------------------------------------------------------------------------------


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


class Deliveries(Protocol):
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


class Dependency(Protocol):
    name: str

    def check(self) -> None:
        """Raises Unavailable if it cannot serve."""
        ...
