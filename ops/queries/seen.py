"""Statements as the server has seen them: in its profile, in its log, and running now."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bson import json_util
from pymongo import DESCENDING
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from ops.queries.plans import READS, WRITES, statements_of
from slotkeeper.adapters.mongo.documents import Document

PROFILE = "system.profile"
OURS = "slotkeeper-ops"
"""The operator's own: a check reads whole collections, as it should."""
MOST = 20_000
_STAGE = re.compile(r"\b[A-Z_]{4,}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One statement, as `explain` takes it, with what it cost."""

    statement: Mapping[str, Any]  # Any: BSON
    ms: int
    docs: int
    keys: int
    returned: int
    stages: frozenset[str]
    source: str


def profile_level(database: Database[Document]) -> tuple[int, bool]:
    """The level, and whether anything is kept."""
    level = int(database.command("profile", -1)["was"])
    kept = database[PROFILE].find_one({}, {"_id": 1}) is not None
    return level, bool(level) or kept


def profiled(database: Database[Document]) -> Iterator[Seen]:
    newest = database[PROFILE].find({"appName": {"$ne": OURS}}).sort("$natural", DESCENDING)
    for note in newest.limit(MOST):
        yield from _of_note(database, note, "profile")


def running(database: Database[Document]) -> Iterator[Seen]:
    pipeline: list[Document] = [
        {"$currentOp": {"allUsers": True, "idleConnections": False}},
        {"$match": {"active": True, "appName": {"$ne": OURS}, "op": {"$ne": "none"}}},
        {"$set": {"millis": {"$divide": ["$microsecs_running", 1000]}}},
    ]
    admin = database.client.get_database("admin", read_concern=ReadConcern("local"))
    for note in admin.aggregate(pipeline):
        yield from _of_note(database, note, "running")


def logged(database: Database[Document]) -> Iterator[Seen]:
    """The last of the server's log: a thousand lines, of which some tell of slow statements."""
    for line in database.client["admin"].command("getLog", "global")["log"]:
        try:
            told = json_util.loads(line)
        except (ValueError, TypeError):
            continue
        if not isinstance(told, dict) or told.get("msg") != "Slow query":
            continue
        attributes = told.get("attr", {})
        if attributes.get("appName") == OURS:
            continue
        note = {**attributes, "op": attributes.get("type")}
        note["millis"] = attributes.get("durationMillis", 0)
        yield from _of_note(database, note, "log")


def _of_note(database: Database[Document], note: Mapping[str, Any], source: str) -> Iterator[Seen]:
    name, _, collection = str(note.get("ns", "")).partition(".")
    if name != database.name or collection.startswith("system."):
        return
    for statement in _statements(note, collection):
        returned = (
            note.get("nreturned"), note.get("nMatched"), note.get("ndeleted"), note.get("nDeleted")
        )  # fmt: skip
        yield Seen(
            statement=statement,
            ms=round(_number(note.get("millis"))),
            docs=round(_number(note.get("docsExamined"))),
            keys=round(_number(note.get("keysExamined"))),
            returned=round(max(map(_number, returned))),
            stages=frozenset(_STAGE.findall(str(note.get("planSummary", "")))),
            source=source,
        )


def _statements(note: Mapping[str, Any], collection: str) -> list[dict[str, Any]]:
    command = note.get("originatingCommand") or note.get("command")
    if not isinstance(command, Mapping):
        return []
    name = next(iter(command), "")
    if name in {"explain", ""}:
        return []
    if name in READS | WRITES:
        # Of many changes at once there is another note for each.
        changes = command.get({"update": "updates", "delete": "deletes"}.get(name, name))
        is_whole = isinstance(command[name], str) and isinstance(changes, str | list)
        return statements_of(name, command) if is_whole else []
    # The profile and the log tell of an update or a removal by its change alone.
    match note.get("op"):
        case "update" if "q" in command:
            return [{"update": collection, "updates": [{**_change(command)}]}]
        case "remove" if "q" in command:
            limit = command.get("limit", 0)
            return [{"delete": collection, "deletes": [{"q": command["q"], "limit": limit}]}]
    return []


def _change(command: Mapping[str, Any]) -> dict[str, Any]:
    known = ("q", "u", "multi", "upsert", "hint", "collation", "arrayFilters")
    return {name: command[name] for name in known if name in command}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
