"""What everything may need: time, doing things at once, whether a server serves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The function's own time: fit for listing and logging, never for deciding a hold."""
        ...


class Together(Protocol):
    def __call__(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run independent calls at once, wait for all, then raise the first error if any.

        The first may itself run calls together; the others may not.
        """
        ...


class Dependency(Protocol):
    name: str

    def check(self) -> None:
        """Raises Unavailable if it cannot serve."""
        ...
