"""Changes made once more, one after the other, in the order in which they happened."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from ops.check.batches import batches
from ops.stores import OpsError
from slotkeeper.adapters.mongo.documents import Document
from slotkeeper.adapters.mongo.seals import RAW

_BATCH = 1_000
Node = Mapping[str, Any]  # Any: BSON
Write = InsertOne[RawBSONDocument] | ReplaceOne[RawBSONDocument] | UpdateOne | DeleteOne


class Replay:
    """Applies change events to a database as it was at `at`; what is later than `until` it leaves.

    Every change has to find what it changed then: if one is missing, the next shows it.
    """

    def __init__(self, database: Database[Document], at: Timestamp, until: int | None):
        self._database: Database[RawBSONDocument] = database.with_options(codec_options=RAW)
        self._until = until
        self.at = at
        self.count = 0

    def apply(self, events: Iterable[RawBSONDocument]) -> int:
        """How many of them were applied.

        Raises:
            OpsError: they do not fit the database, or one is of a kind that cannot be repeated.
        """
        before = self.count
        wanted = (event for event in events if not self._is_later(event["clusterTime"]))
        for some in batches(wanted, _BATCH):
            # Documents of two collections know nothing of each other's order.
            of_each: defaultdict[str, list[RawBSONDocument]] = defaultdict(list)
            for event in some:
                of_each[event["ns"]["coll"]].append(event)
            for name, theirs in of_each.items():
                self._apply_to(name, theirs)
            self.count += len(some)
            self.at = some[-1]["clusterTime"]
        return self.count - before

    def _is_later(self, at: Timestamp) -> bool:
        # By whole seconds, so that no transaction is cut: its changes bear one time.
        return self._until is not None and at.time > self._until

    def _apply_to(self, name: str, events: list[RawBSONDocument]) -> None:
        writes: list[Write] = []
        kinds: Counter[str] = Counter()
        for event in events:
            kind = event["operationType"]
            if kind == "drop":
                self._write(name, writes, kinds)
                self._database.drop_collection(name)
                writes, kinds = [], Counter()
                continue
            made = _writes(event)
            if made is None:
                when = event["clusterTime"].as_datetime()
                raise OpsError(
                    f"{name}: a {kind} at {when:%Y-%m-%dT%H:%M:%SZ} cannot be repeated: "
                    "restore --until before it"
                )
            writes += made
            kinds[kind if kind in {"insert", "delete"} else "update"] += len(made)
        self._write(name, writes, kinds)

    def _write(self, name: str, writes: list[Write], kinds: Counter[str]) -> None:
        if not writes:
            return
        try:
            done = self._database[name].bulk_write(writes, bypass_document_validation=True)
        except BulkWriteError as error:
            raise OpsError(
                f"{name}: a change does not fit what is there: one is missing"
            ) from error
        found = {
            "insert": done.inserted_count,
            "update": done.matched_count,
            "delete": done.deleted_count,
        }
        if any(found[kind] != kinds[kind] for kind in found):
            raise OpsError(f"{name}: a change does not find what it changed: one is missing")


def _writes(event: RawBSONDocument) -> list[Write] | None:
    """What makes this change; None where nothing can."""
    key: Node = event.get("documentKey") or {}
    match event["operationType"]:
        case "insert":
            return [InsertOne(event["fullDocument"])]
        case "replace":
            return [ReplaceOne(key, event["fullDocument"])]
        case "delete":
            return [DeleteOne(key)]
        case "update":
            return [UpdateOne(key, update) for update in _updates(event["updateDescription"])]
    return None


def _updates(told: Node) -> list[Document]:
    """Shorten lists first: no statement may do that and set what is in them."""
    shortened = {
        one["field"]: {"$each": [], "$slice": one["newSize"]}
        for one in told.get("truncatedArrays") or ()
    }
    changed: Document = {}
    if told["updatedFields"]:
        changed["$set"] = told["updatedFields"]
    if told["removedFields"]:
        changed["$unset"] = dict.fromkeys(told["removedFields"], "")
    made = [{"$push": shortened}] if shortened else []
    return [*made, changed] if changed else made
