"""What MongoDB reads for a request, told by its own profiler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

ALL = 2
ROOM = 64 * 2**20


@dataclass
class Examined:
    """Counted when the block has ended: statements, and what all of them together looked at."""

    statements: int = 0
    documents: int = 0
    keys: int = 0


@contextmanager
def examined(database: Database[dict[str, Any]]) -> Iterator[Examined]:
    """Count what is examined in this database by everything in the block, whoever asks."""
    found = Examined()
    database.command("profile", 0)
    database.drop_collection("system.profile")
    database.create_collection("system.profile", capped=True, size=ROOM)
    database.command("profile", ALL)
    try:
        yield found
    finally:
        database.command("profile", 0)
    for note in database["system.profile"].find({"ns": {"$ne": f"{database.name}.system.profile"}}):
        found.statements += 1
        found.documents += note.get("docsExamined", 0)
        found.keys += note.get("keysExamined", 0)
    database.drop_collection("system.profile")
