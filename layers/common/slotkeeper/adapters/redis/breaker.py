"""Not asking Redis for a while after it failed to answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slotkeeper.ports.common import Clock

REST = timedelta(seconds=5)
"""A Redis that hangs costs a process one time-out in this time, not one a request."""


class Breaker:
    """Open for `REST` after a failure: for uses of Redis that a request can do without."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._open_until: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Redis failed a moment ago: go on without it."""
        if self._open_until is None:
            return False
        left = self._open_until - self._clock.now()
        # Longer than it ever is left: the machine's clock was set back meanwhile.
        return timedelta(0) < left <= REST

    def failed(self) -> None:
        self._open_until = self._clock.now() + REST
