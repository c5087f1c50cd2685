"""The chain of blocks that seals the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from slotkeeper.domain.audit import Head


class AuditSeals(Protocol):
    def head(self) -> Head | None:
        """The newest block; None where there is none yet. Raises Corrupted."""
        ...

    def seal(
        self, after: Head | None, *, limit: int, now: datetime, everything: bool = False
    ) -> int | None:
        """Append one block of up to `limit` entries that no block has; how many it has (0: none
        was left, and no block was made), or None where another's block was quicker.

        Looks at what may have come since `after` was the newest; at `everything` if it is to.
        """
        ...
