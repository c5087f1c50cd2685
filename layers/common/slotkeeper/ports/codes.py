"""What codes are made of, how often they were tried, how many may be sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from slotkeeper.domain.errors import Unavailable
from slotkeeper.value import Guarded, Value


class KeyGone(Unavailable):
    """The record names no key that there is: no code is known to fit it."""


class CodeRecord(Guarded, kw_only=True):
    """What a code is made of, never the code.

    The sender says by which key, when it sends the seed's first code (`CodeStore.settle_key`);
    before that, `key_id` is None and there is no code that anybody could know.
    """

    secret = frozenset({"seed"})

    slot_id: str
    seed: str
    key_id: str | None = None
    send_number: int


class CodeTry(Value, kw_only=True):
    """A try, counted: its `number` for this attempt, the user's `failures` across attempts.

    `may_compare` unless as many other guesses were tried as may be. `..._in` are seconds until
    Redis forgets the record and the failures.
    """

    record: CodeRecord | None
    number: int
    may_compare: bool
    record_lapses_in: int
    failures: int
    failures_lapse_in: int


class CodeStore(Protocol):
    def count_try(self, *, user_id: str, attempt_id: str, marks: Sequence[str]) -> CodeTry:
        """Count a try before anything is compared; one trip.

        A guess of which a mark is known was tried before, and is the same guess.
        """
        ...

    def count_failure(self, *, user_id: str) -> None:
        """Count a wrong code against the user, across attempts."""
        ...

    def find(self, *, user_id: str, attempt_id: str) -> CodeRecord | None: ...

    def settle_key(
        self,
        *,
        user_id: str,
        attempt_id: str,
        send_number: int,
        key_id: str,
        instead_of: str | None = None,
    ) -> CodeRecord | None:
        """The record, by now with a key if `send_number` is its newest: the one that stands.

        Where it has none (or `instead_of`, which is gone), it is `key_id` from now on.
        """
        ...

    def put(
        self,
        *,
        user_id: str,
        attempt_id: str,
        record: CodeRecord,
        lifetime_ms: int,
        tries: int,
    ) -> None:
        """Make `record` the attempt's only code, unless a newer one is.

        Tries are kept; where they were lost they are `tries`. A seed keeps the key it has.
        """
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
    def key_in_use(self) -> str:
        """The id of the key that new codes are made with. Raises Unavailable."""
        ...

    def code(self, record: CodeRecord) -> str:
        """The code for that seed, key and send number: always the same six digits.

        Raises:
            KeyGone: no such key, or none yet.
            Unavailable: keys cannot be had now.
        """
        ...

    def marks(self, attempt_id: str, guess: str) -> Sequence[str]:
        """What a guess is known again by, and nothing else of it. Raises Unavailable."""
        ...


class CodeTaken(Value, kw_only=True):
    """A code that was counted, and on which day (UTC)."""

    user_id: str
    phone: str | None
    day: str


class CodeQuota(Protocol):
    """Codes a user and a phone may be sent in a day: durable, for a code costs money."""

    def take(self, *, user_id: str, phone: str | None) -> CodeTaken | None:
        """Count a code about to be sent; None, with nothing counted, where no more may be."""
        ...

    def give_back(self, taken: CodeTaken) -> None:
        """It was not sent."""
        ...


class Failures(Protocol):
    """A user's wrong codes, where losing Redis gives none of them back."""

    def count(self, *, user_id: str) -> None:
        """Another wrong code; a confirmation ends the row (`Ledger.record`)."""
        ...
