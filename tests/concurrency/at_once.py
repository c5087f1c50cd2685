"""Calls released by one barrier."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from slotkeeper.domain.errors import AppointmentError


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run the calls in a thread each, released by one barrier; what each returned or raised."""
    results: list[Any] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = calls[index]()
        except AppointmentError as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
