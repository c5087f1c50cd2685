"""Seal what was added to the audit log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.audit import Head
    from slotkeeper.ports.audit import AuditSeals
    from slotkeeper.ports.common import Clock

MOST_ENTRIES = 1_000
"""Of one block: so it stays far from the most that a document may hold."""


class Sealed(Value, kw_only=True):
    """What one run did, and the newest block it knows."""

    entries: int
    blocks: int
    head: Head | None
    is_outrun: bool
    """Another run was quicker, and goes on with what this one left."""


def seal_audit(
    *,
    seals: AuditSeals,
    clock: Clock,
    has_time: Callable[[], bool],
    everything: bool = False,
) -> Sealed:
    """Append blocks to the chain until every entry is in one or the time is up.

    Safe to run twice at once and to be killed at any point: a block is one insert under the next
    number, which only one can have, and what is in no block is found by the next run.

    Raises:
        Unavailable: MongoDB did not answer.
        Corrupted: the newest block is not one that this code makes; nothing is built on it.
    """
    entries = blocks = 0
    is_outrun = False
    head = seals.head()
    found = seals.unsealed(head, limit=MOST_ENTRIES, now=clock.now(), everything=everything)
    while has_time() and not is_outrun and (some := next(found, None)):
        is_outrun = not seals.append(head, some)
        if not is_outrun:
            entries, blocks = entries + len(some), blocks + 1
            head = seals.head()
    return Sealed(entries=entries, blocks=blocks, head=head, is_outrun=is_outrun)
