"""Independent calls at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import cache
from typing import Any

_MOST_THREADS = 32
"""More than one request ever has calls at once."""


@cache
def _threads(_process: int) -> ThreadPoolExecutor:
    """Of one process, as a fork has none of its parent's.

    Started as they are needed, and kept: a new one for each call took a fifth of a hold's
    processor. Between invocations they wait for work, so that being frozen is nothing to them.
    """
    return ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="together")


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run `calls` at once (the first in this thread), wait for all, then raise the first error.

    Only the first may itself run calls together: a kept thread that waited for others could keep
    them from ever being begun. Each sees the caller's context (deadlines).
    """
    if not calls:
        return []
    threads = _threads(os.getpid())
    others = [threads.submit(copy_context().run, call) for call in calls[1:]]
    try:
        first = calls[0]()
    finally:
        wait(others)
    return [first, *(other.result() for other in others)]
