"""A head start counted in commands to the database: no clock, no sleep."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import pymongo.monitoring

from tests.concurrency.at_once import Call


class Commands(pymongo.monitoring.CommandListener):
    """Tells the one who asks of each command that is sent."""

    def __init__(self) -> None:
        self.tell: Callable[[], None] | None = None

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        if self.tell is not None:
            self.tell()

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None: ...


COMMANDS = Commands()
"""Listens on the races' clients (`conftest.py`)."""


class Lead:
    """Lets the late side begin when the early one has sent so many commands, or is done."""

    def __init__(self, commands: int):
        self._first_is_early = commands >= 0
        self._left = abs(commands)
        self._counting = threading.Lock()
        self._begin = threading.Event()
        self._running = 0

    def __enter__(self) -> Self:
        COMMANDS.tell = self._sent
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        COMMANDS.tell = None

    def of(self, calls: Sequence[tuple[str, Call]], *, first: str) -> list[Call]:
        """The calls, those of the side that is not early waiting for their start."""
        if self._left == 0:
            return [call for _, call in calls]
        is_early = [(side == first) == self._first_is_early for side, _ in calls]
        self._running = sum(is_early)
        return [
            self._early(call) if early else self._late(call)
            for (_, call), early in zip(calls, is_early, strict=True)
        ]

    def _early(self, call: Call) -> Call:
        def run() -> Any:
            try:
                return call()
            finally:
                with self._counting:
                    self._running -= 1
                    if self._running == 0:
                        self._begin.set()

        return run

    def _late(self, call: Call) -> Call:
        def run() -> Any:
            self._begin.wait()
            return call()

        return run

    def _sent(self) -> None:
        with self._counting:
            self._left -= 1
            if self._left <= 0:
                self._begin.set()
