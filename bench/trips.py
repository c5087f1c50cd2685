"""Round trips to the stores, seen where the drivers send and receive."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pymongo.monitoring
from redis import Redis
from redis.connection import Connection, ConnectionPool

from slotkeeper.adapters.redis.cluster import Cluster


@dataclass
class Trips:
    """Each trip by store and the time it began; times are of one monotonic clock."""

    seen: dict[tuple[str, float], tuple[str, float]] = field(default_factory=dict)

    def add(self, store: str, command: str, begin: float, end: float) -> None:
        """A trip, or a later answer of one that is known: its last answer is its end."""
        self.seen[store, begin] = (command, end)

    def of(self, store: str) -> list[str]:
        return [command for (name, _), (command, _) in self.seen.items() if name == store]

    @property
    def in_sequence(self) -> int:
        """The most trips of which each began after the one before had ended."""
        count, free_from = 0, float("-inf")
        spans = [(begin, end) for (_, begin), (_, end) in self.seen.items()]
        for begin, end in sorted(spans, key=lambda span: span[1]):
            if begin >= free_from:
                count, free_from = count + 1, end
        return count


_current: Trips | None = None


LATENCY = 0.01
"""Seconds that each trip takes longer while it is counted, as over a network: what is sent at once
then overlaps, however a busy machine schedules the threads. Nothing is asserted of times."""


class _MongoTrips(pymongo.monitoring.CommandListener):
    def __init__(self) -> None:
        self._began: dict[int, float] = {}

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        if _current is not None:
            self._began[event.request_id] = time.perf_counter()
            time.sleep(LATENCY)

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        self._ended(event)

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        self._ended(event)

    def _ended(self, event: Any) -> None:  # Any: either of the two events above
        if _current is not None:
            began = self._began.pop(event.request_id)
            _current.add("mongo", event.command_name, began, time.perf_counter())


pymongo.monitoring.register(_MongoTrips())


class _CountingConnection(Connection):
    _sent_at = 0.0

    def send_packed_command(self, *args: Any, **kwargs: Any) -> Any:
        self._sent_at = time.perf_counter()
        if _current is not None:
            time.sleep(LATENCY)
        return super().send_packed_command(*args, **kwargs)  # type: ignore[no-untyped-call]  # redis-py's

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        answer = super().read_response(*args, **kwargs)
        if _current is not None:
            _current.add("redis", "pipeline", self._sent_at, time.perf_counter())
        return answer


@contextmanager
def counted(redis: Redis) -> Iterator[Trips]:
    """Count the trips of everything in the block; connections are made before it."""
    global _current  # noqa: PLW0603  # the drivers' listeners are global
    redis.ping()
    for pool in _pools(redis):
        pool.disconnect()
        pool.reset()
        pool.connection_class = _CountingConnection
    redis.ping()
    _current = Trips()
    try:
        yield _current
    finally:
        _current = None


def _pools(redis: Redis) -> list[ConnectionPool]:
    """One of each node that was spoken to."""
    if isinstance(redis, Cluster):
        return [redis._map.node(master).connection_pool for master in redis._map.masters]
    return [redis.connection_pool]
