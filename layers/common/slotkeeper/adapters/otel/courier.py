"""Spans to the collector: in a bounded time, and after a failure not for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

FIRST_REST_SECONDS = 5.0
LONGEST_REST_SECONDS = 60.0


class Export(Protocol):
    def __call__(self, spans: Sequence[object]) -> bool:
        """Whether the collector took them."""
        ...


class Courier:
    """One delivery at a time, in a thread of its own: whatever it hangs in, nobody waits longer.

    After a failure spans are thrown away for `FIRST_REST_SECONDS`, after each further one for twice
    as long, up to `LONGEST_REST_SECONDS`.
    """

    def __init__(self, export: Export, now: Callable[[], float] = time.monotonic):
        self._export = export
        self._now = now
        self._rest = 0.0
        self._rests_until = 0.0
        self._under_way: threading.Thread | None = None

    @property
    def is_resting(self) -> bool:
        late = self._under_way is not None and self._under_way.is_alive()
        return late or self._now() < self._rests_until

    def deliver(self, spans: Sequence[object], seconds: float) -> str | None:
        """Wait so long for the collector; why it has not got them, if that is known by then."""
        if self.is_resting:
            return None
        took: list[bool] = []

        def hand_over() -> None:
            # However it fails, it has not got them.
            with suppress(Exception):
                took.append(self._export(spans))

        self._under_way = threading.Thread(target=hand_over, name="spans", daemon=True)
        self._under_way.start()
        self._under_way.join(seconds)
        if took == [True]:
            self._rest = 0.0
            return None
        self._rest = min(self._rest * 2 or FIRST_REST_SECONDS, LONGEST_REST_SECONDS)
        self._rests_until = self._now() + self._rest
        return "late" if self._under_way.is_alive() else "refused"

    def join(self, seconds: float) -> None:
        """Wait for a delivery that is late."""
        if self._under_way is not None:
            self._under_way.join(seconds)
