"""How long MongoDB takes for each command, and which fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from slotkeeper.readings import note

_EXPECTED = {13, 112, 251}
"""Unauthorized: what only some users may ask (`adapters/loads.py`); WriteConflict and
NoSuchTransaction: two at one document, and the driver tries again."""


class Timed(CommandListener):
    """Commands as the driver sends them, retries too. Their names only, not what is in them."""

    def started(self, event: CommandStartedEvent) -> None:
        """Nothing is known yet."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        note("mongodb_ms", event.duration_micros / 1000, event.command_name)

    def failed(self, event: CommandFailedEvent) -> None:
        note("mongodb_ms", event.duration_micros / 1000, event.command_name)
        failure: Mapping[str, Any] = event.failure  # Any: what the server answered
        if failure.get("code") not in _EXPECTED:
            note("mongodb_errors_total", 1, event.command_name)
