"""What was practised, and how it went: the go-live checklist looks here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast, get_args

from pymongo import DESCENDING
from pymongo.database import Database

from slotkeeper.adapters.mongo.documents import Document

DRILLS = "drills"
Outcome = Literal["begun", "passed", "failed"]
KINDS = ("rollback", "redis-failover", "restore", "promote")
"""What is practised. The commands record what they can see; the rest an operator tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One that was held."""

    kind: str
    at: datetime
    outcome: Outcome
    figures: Mapping[str, Any]  # Any: numbers and texts


def record(
    database: Database[Document],
    kind: str,
    outcome: Outcome,
    figures: Mapping[str, Any],  # Any: numbers and texts
) -> None:
    """Keep it for good."""
    database[DRILLS].insert_one(
        {"kind": kind, "at": datetime.now(UTC), "outcome": outcome, "figures": dict(figures)}
    )


def latest(database: Database[Document], kind: str) -> Drill | None:
    """The newest of its kind that came to an end, however it went."""
    ended = {"kind": kind, "outcome": {"$in": ["passed", "failed"]}}
    found = database[DRILLS].find_one(ended, sort=[("at", DESCENDING), ("_id", DESCENDING)])
    if found is None or not isinstance(found.get("at"), datetime):
        return None
    assert found["outcome"] in get_args(Outcome)
    return Drill(
        kind=kind,
        at=found["at"],
        outcome=cast("Outcome", found["outcome"]),
        figures=found.get("figures") or {},
    )
