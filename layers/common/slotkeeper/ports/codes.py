"""What codes are made of, how often they were tried, how many may be sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTaken:
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
