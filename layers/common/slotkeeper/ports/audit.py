"""The chain of blocks that seals the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from slotkeeper.domain.audit import Head, Unsealed


class AuditSeals(Protocol):
    def head(self) -> Head | None:
        """The newest block; None where there is none yet. Raises Corrupted."""
        ...

    def unsealed(
        self, after: Head | None, *, limit: int, now: datetime, everything: bool = False
    ) -> Iterator[Sequence[Unsealed]]:
        """Entries that no block has, up to `limit` at a time, each as it is asked for.

        Looks once through what may have come to be seen since `after` was the newest block; through
        everything if it is to.
        """
        ...

    def append(self, after: Head | None, entries: Sequence[Unsealed]) -> bool:
        """Make them the block that follows; False, with nothing done, if another did so first."""
        ...
