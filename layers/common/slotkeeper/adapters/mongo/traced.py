"""A span of each command to MongoDB, told by the driver itself."""

from __future__ import annotations

import re

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from slotkeeper import tracing

COMMANDS = frozenset(
    {
        *("find", "getMore", "aggregate", "insert", "update", "delete", "findAndModify", "count"),
        *("distinct", "commitTransaction", "abortTransaction", "ping", "killCursors", "hello"),
    }
)
"""Those that spans name; any other is "other"."""
_COLLECTION = re.compile(r"[a-z_]{1,40}")


class Traced(CommandListener):
    """Command, collection and how it went; of a statement nothing else."""

    def __init__(self) -> None:
        self._open: dict[int, tracing.Span] = {}

    def started(self, event: CommandStartedEvent) -> None:
        name = event.command_name if event.command_name in COMMANDS else "other"
        found = event.command.get("collection" if name == "getMore" else event.command_name)
        is_named = isinstance(found, str) and _COLLECTION.fullmatch(found) is not None
        of = {"db.collection.name": str(found)} if is_named else {}
        self._open[event.request_id] = tracing.start(
            f"{name} {found}" if is_named else name,
            "client",
            {"db.system.name": "mongodb", "db.operation.name": name, **of},
        )

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if span := self._open.pop(event.request_id, None):
            span.end()

    def failed(self, event: CommandFailedEvent) -> None:
        if span := self._open.pop(event.request_id, None):
            span.failed(str(event.failure.get("codeName") or "error"))
            span.end()
