"""The audit log's chain: blocks that seal entries, each naming the hash of the one before it."""

from __future__ import annotations

from datetime import datetime, timedelta

from slotkeeper.value import Value

FIRST = "0" * 64
"""What the first block names for a block before it."""
LATE = timedelta(minutes=5)
"""How much later than its stamp an entry may come to be seen and still be looked for: several times
what a transaction may stay open."""


class Head(Value, kw_only=True):
    """The newest block of the chain: nothing before it can be changed without changing its hash."""

    number: int
    hash: str
    reached: tuple[int, int] | None = None
    """The newest stamp sealed so far: seconds and a number within the second."""
    history_at: datetime | None = None
    """The same of entries from before there were stamps, by the time they tell."""

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


class Unsealed(Value, kw_only=True):
    """An entry that no block has, by what a block keeps of it."""

    id: object
    """Whatever was stored as one."""
    digest: bytes
    stamp: tuple[int, int] | None
    """When it was written, unless that cannot be so."""
    at: datetime | None
    """What it tells of when it was, where it has no stamp."""
