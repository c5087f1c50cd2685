"""The plan of every statement that goes to MongoDB, asked for right before it is carried out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pymongo.monitoring
from pymongo import MongoClient

from ops.queries.plans import READS, WRITES, Plan, plans_of, statements_of


@dataclass
class Explained:
    client: MongoClient[dict[str, Any]]
    plans: list[Plan] = field(default_factory=list)
    unread: list[Exception] = field(default_factory=list)
    """What kept an explanation from being read: the driver swallows what its listeners raise."""

    @property
    def unbounded(self) -> list[Plan]:
        return [plan for plan in self.plans if not plan.is_bounded]

    def add(self, name: str, database: str, command: dict[str, Any]) -> None:
        for statement in statements_of(name, command):
            self.plans += plans_of(self.client[database], statement)


_current: Explained | None = None


class _Explain(pymongo.monitoring.CommandListener):
    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        if _current is not None and event.command_name in READS | WRITES:
            try:
                _current.add(event.command_name, event.database_name, dict(event.command))
            except Exception as error:  # noqa: BLE001  # raised at the block's end
                _current.unread.append(error)

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        pass


pymongo.monitoring.register(_Explain())


@contextmanager
def explained(client: MongoClient[dict[str, Any]]) -> Iterator[Explained]:
    """Explain every statement of the block that can be; `client` asks."""
    global _current  # noqa: PLW0603  # the driver's listeners are global
    _current = made = Explained(client)
    try:
        yield made
    finally:
        _current = None
    if made.unread:
        raise ExceptionGroup("statements that could not be explained", made.unread)
