"""Whether a restored database keeps every invariant, judged by the instant that it shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice

from bson.timestamp import Timestamp
from pymongo import DESCENDING
from pymongo.database import Database

from ops.check import check
from ops.violation import Violation
from slotkeeper.adapters.mongo.documents import AUDIT_LOGS, Document
from slotkeeper.adapters.mongo.indexes import BY_RECORDING

ENOUGH = 100
"""Of them tell what is to be told."""


def violations(
    database: Database[Document],
    at: datetime,
    progress: Callable[[str, int], None] = lambda _name, _count: None,
) -> tuple[list[Violation], Counter[str]]:
    """The first of what is broken, and how much of what was read.

    By the database's own clock every hold would long be over, and every event late.
    """
    read: Counter[str] = Counter()

    def count(name: str, number: int) -> None:
        read[name] += number
        progress(name, number)

    found: Iterator[Violation] = check(database, now=at, progress=count)
    return list(islice(found, ENOUGH)), read


def newest(database: Database[Document]) -> datetime | None:
    """When the last thing happened that the database knows of: every change has its entry."""
    order = [("recordedAt", DESCENDING), ("at", DESCENDING), ("_id", DESCENDING)]
    found = database[AUDIT_LOGS].find_one({}, sort=order, hint=BY_RECORDING)
    if found is None:
        return None
    recorded = found.get("recordedAt")
    if isinstance(recorded, Timestamp):
        return recorded.as_datetime()
    at = found.get("at")
    return at if isinstance(at, datetime) else None
