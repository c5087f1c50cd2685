"""Independent calls at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run `calls` at once (the first in this thread), wait for all, then raise the first error.

    Plain threads, not a pool: nothing to outlive the invocation or to be frozen with it, and a
    call may itself run calls together. Each sees the caller's context (deadlines).
    """
    results: list[Any] = [None] * len(calls)
    errors: list[BaseException | None] = [None] * len(calls)

    def run(index: int) -> None:
        try:
            results[index] = calls[index]()
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread below
            errors[index] = error

    threads = [
        threading.Thread(target=copy_context().run, args=(run, index))
        for index in range(1, len(calls))
    ]
    for thread in threads:
        thread.start()
    if calls:
        run(0)
    for thread in threads:
        thread.join()
    for error in errors:
        if error is not None:
            raise error
    return results
