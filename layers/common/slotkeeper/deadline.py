"""How much time the running invocation has left; set at the entry, read where calls may take long.

A call that outlives its invocation can neither answer nor be undone, so MongoDB's are capped with
`seconds_left()`. Calls to Redis and AWS have short timeouts of their own (their `client.py`).
"""

from __future__ import annotations

import time
from contextvars import ContextVar

RESERVE_SECONDS = 1.0
"""Kept back for undoing what was begun and for writing the answer."""

_ends_at: ContextVar[float | None] = ContextVar("ends_at", default=None)


def start(remaining_seconds: float) -> None:
    """The current invocation ends in `remaining_seconds` (seconds, from the Lambda context)."""
    _ends_at.set(time.monotonic() + remaining_seconds)


def seconds_left(at_most: float) -> float:
    """Seconds an external call may take now: `at_most`, or what the invocation can still spare.

    Never below 0.05, so that an undo late in an invocation is at least tried.
    """
    ends_at = _ends_at.get()
    if ends_at is None:
        return at_most
    return max(0.05, min(at_most, ends_at - time.monotonic() - RESERVE_SECONDS))
