"""What was practised, and how it went: the go-live checklist looks here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pymongo.database import Database

from slotkeeper.adapters.mongo.documents import Document

DRILLS = "drills"


def record(
    database: Database[Document],
    kind: str,
    outcome: Literal["begun", "passed", "failed"],
    figures: Mapping[str, Any],  # Any: numbers and texts
) -> None:
    """Keep it for good."""
    database[DRILLS].insert_one(
        {"kind": kind, "at": datetime.now(UTC), "outcome": outcome, "figures": dict(figures)}
    )
