"""What Redis knows, as the model has it. All of it may be lost at any moment.

A key is there through the millisecond of its end; a patient's place is over at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from slotkeeper.domain.policy import BookingPolicy
from tests.model.refused import Refused, seconds

CLAIM = timedelta(seconds=20)
"""What a request takes before MongoDB has decided lasts this long, if the function dies."""
ANSWER_KEPT = timedelta(hours=24)


@dataclass
class Lock:
    user: str
    attempt: str
    until: datetime


@dataclass
class Code:
    user: str
    slot: str
    seed: int
    number: int
    until: datetime
    calls: int = 0
    guesses: int = 0
    """Different ones, or tries that were made before the record was lost."""
    guessed: set[str] = field(default_factory=set)


@dataclass
class Failures:
    count: int
    until: datetime


@dataclass
class Request:
    asked: tuple[Any, ...]
    until: datetime
    answer: Any = None


@dataclass
class Places:
    """`of`: until when each (slot, attempt) of one patient is held; `until` of the key."""

    until: datetime
    of: dict[tuple[str, str], datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Ticket:
    """One request to hold a slot."""

    user: str
    key: str
    slot: str
    attempt: str
    asked: tuple[Any, ...]


@dataclass
class Admitted:
    """What was known when the request came, and what it took."""

    request: Request | None
    lock: Lock
    others: list[str]
    place_free_at: datetime | None
    took_lock: bool
    took_place: bool
    took_code: bool


class Memory:
    def __init__(self, policy: BookingPolicy, new_seed: Callable[[], int]):
        self.policy = policy
        self.new_seed = new_seed
        self.locks: dict[str, Lock] = {}
        self.codes: dict[str, Code] = {}
        self.failures: dict[str, Failures] = {}
        self.places: dict[str, Places] = {}
        self.requests: dict[tuple[str, str], Request] = {}

    def lapse(self, now: datetime) -> None:
        stores: list[dict[Any, Any]] = [
            self.locks,
            self.codes,
            self.failures,
            self.places,
            self.requests,
        ]
        for store in stores:
            for key in [key for key, kept in store.items() if kept.until < now]:
                del store[key]

    # --- a request to hold a slot

    def admit(self, ticket: Ticket, now: datetime) -> Admitted:
        """All is asked and taken in one trip, whatever the parts of it say."""
        request_key = (ticket.user, ticket.key)
        request = self.requests.get(request_key)
        if request is None:
            self.requests[request_key] = Request(ticket.asked, now + CLAIM)
        took_lock = ticket.slot not in self.locks
        lock = self.locks.setdefault(ticket.slot, Lock(ticket.user, ticket.attempt, now + CLAIM))
        took_place, others, place_free_at = self._take_place(ticket, now)
        took_code = ticket.attempt not in self.codes
        if took_code:
            until = now + min(self.policy.code_lifetime, self.policy.hold)
            self.codes[ticket.attempt] = Code(
                ticket.user, ticket.slot, self.new_seed(), number=1, until=until
            )
        return Admitted(request, lock, others, place_free_at, took_lock, took_place, took_code)

    def _take_place(self, ticket: Ticket, now: datetime) -> tuple[bool, list[str], datetime | None]:
        places = self.places.get(ticket.user)
        if places is not None:
            places.of = {place: until for place, until in places.of.items() if now < until}
        if not places or not places.of:
            places = Places(until=now + CLAIM)
        mine = (ticket.slot, ticket.attempt)
        others = [slot for slot, attempt in places.of if (slot, attempt) != mine]
        if mine in places.of:
            return False, others, None
        if len(places.of) >= self.policy.max_live_holds:
            return False, [], min(places.of.values())
        places.of[mine] = now + CLAIM
        places.until = max(places.until, now + CLAIM)
        self.places[ticket.user] = places
        return True, others, None

    def refuse_unless_admitted(self, ticket: Ticket, got: Admitted, now: datetime) -> None:
        if got.request is not None and got.request.asked != ticket.asked:
            raise Refused("idempotency_key_reused")
        if got.request is not None and got.request.answer is None:
            raise Refused("request_in_progress", retry_in=seconds(got.request.until - now))
        if got.lock.user != ticket.user:
            raise Refused("slot_held", retry_in=seconds(got.lock.until - now))
        if got.lock.attempt == ticket.attempt and got.place_free_at is not None:
            raise Refused("too_many_holds", retry_in=seconds(got.place_free_at - now))

    def withdraw(self, ticket: Ticket, got: Admitted) -> None:
        """The request comes to nothing: what it took is given back, its key forgotten."""
        is_busy = got.request is not None and got.request.answer is None
        if is_busy and got.request is not None and got.request.asked == ticket.asked:
            # Place and seed are those of the request under way.
            if got.took_lock:
                self.release(ticket.slot, ticket.attempt)
            return
        self.give_back(ticket, got)
        if got.request is None:
            del self.requests[ticket.user, ticket.key]

    def give_back(self, ticket: Ticket, got: Admitted) -> None:
        """What this request took, and only that."""
        if got.took_lock:
            self.release(ticket.slot, ticket.attempt)
        if got.took_place:
            self.leave(ticket.user, ticket.slot, ticket.attempt)
        if got.took_code:
            self.codes.pop(ticket.attempt, None)

    def complete(
        self, ticket: Ticket, answer: Any, attempt: str, hold_until: datetime, now: datetime
    ) -> None:
        """The attempt's hold stands: its lock and place last as long; the answer is kept."""
        self.answered(ticket, answer, now)
        lock = self.locks[ticket.slot]
        if lock.attempt == attempt:
            lock.until = hold_until
        places, place = self.places.get(ticket.user), (ticket.slot, attempt)
        if places and places.of.get(place, hold_until) != hold_until:
            places.of[place] = hold_until
            places.until = now + self.policy.hold

    def answered(self, ticket: Ticket, answer: Any, now: datetime) -> None:
        request = self.requests[ticket.user, ticket.key]
        request.answer, request.until = answer, now + ANSWER_KEPT

    # --- an attempt's end

    def forget(self, user: str, slot: str, attempt: str, *, proved: bool) -> None:
        if proved:
            self.failures.pop(user, None)
        self.release(slot, attempt)
        self.codes.pop(attempt, None)
        self.leave(user, slot, attempt)

    def release(self, slot: str, attempt: str) -> None:
        if slot in self.locks and self.locks[slot].attempt == attempt:
            del self.locks[slot]

    def leave(self, user: str, slot: str, attempt: str) -> None:
        places = self.places.get(user)
        if places is not None:
            places.of.pop((slot, attempt), None)
            if not places.of:
                del self.places[user]

    # --- codes

    def fail(self, user: str, now: datetime) -> None:
        known = self.failures.setdefault(user, Failures(0, now + self.policy.failure_window))
        known.count += 1

    def put_code(self, attempt: str, code: Code, now: datetime, *, tries: int) -> None:
        """The attempt's only code from now on, its tries kept; none, where its life is over."""
        known = self.codes.get(attempt)
        code.calls = known.calls if known else 0
        code.guesses = max(known.guesses if known else 0, tries)
        code.guessed = known.guessed if known else set()
        self.codes[attempt] = code
        if code.until <= now:
            del self.codes[attempt]
