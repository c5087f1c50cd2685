"""What Redis knows of a request to hold a slot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from slotkeeper.value import Guarded, Value

if TYPE_CHECKING:
    from slotkeeper.domain.slot import Hold


class HoldTicket(Guarded, kw_only=True):
    """One request to hold a slot; `seed` is what its codes will be made of (base32)."""

    secret = frozenset({"seed"})

    request_key: str
    attempt_id: str
    slot_id: str
    user_id: str
    fingerprint: str
    request_id: str
    seed: str


class Admission(Value, kw_only=True):
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
    other_slots: Sequence[str]
    """Slots that the patient's other attempts hold, or are about to."""
    took_code: bool


class HoldGate(Protocol):
    def admit(self, ticket: HoldTicket) -> Admission:
        """Begin the request, try the slot's lock, count the hold, lay down the seed; one trip."""
        ...

    def withdraw(
        self,
        ticket: HoldTicket,
        admission: Admission,
        *,
        was_placed: bool = False,
        stays: bool = False,
    ) -> None:
        """Give back what `admission` took, and only that; one trip.

        Where a hold was placed and undone, pages of that moment are forgotten. Where it stays,
        so do its lock, seed and place: only the request's key is given back.
        """
        ...

    def complete(
        self, ticket: HoldTicket, admission: Admission, *, hold: Hold, answer: str
    ) -> None:
        """Keep the answer for replays, lock and place until the hold's end; one trip.

        Where the patient's hold is of another attempt, that one's are kept, and what this one
        took is given back.
        """
        ...

    def forget(
        self,
        *,
        attempt_id: str,
        slot_id: str,
        user_id: str,
        changed: Sequence[str] = (),
        proved: bool = False,
    ) -> None:
        """The attempt is over: own lock, seed and place are given back; one trip.

        With `proved`, a code fitted: the user's wrong ones are forgotten.

        Pages of its slot's doctor are forgotten, and of those of the slots that changed with it.
        """
        ...
