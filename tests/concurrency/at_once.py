"""Calls released by one barrier."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from slotkeeper.domain.errors import AppointmentError, BrokenInvariant

Call = Callable[[], Any]


def at_once(calls: Sequence[Call]) -> list[Any]:
    """Run the calls in a thread each, released by one barrier; what each returned or raised.

    Only refusals and broken invariants are results; whatever else a call raises fails the test.
    """
    results: list[Any] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = calls[index]()
        except (AppointmentError, BrokenInvariant) as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
