"""What cannot be read is set aside: kept as it is, out of the way of what can, until put back.

A row of the outbox leaves the relay's index; a fact leaves its slot's `pendingEvents`; a slot that
cannot be read itself stays in the status it has, is nobody's to hold, and is swept no more. Each
says when and why. An operator repairs the document and puts it back (`python -m ops set-aside`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pymongo.collection import Collection
from pymongo.database import Database

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import OUTBOX, SLOTS, Document
from slotkeeper.adapters.mongo.fields import noted, shown_id
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.errors import Corrupted

NOT_SET_ASIDE: Document = {"setAside": {"$exists": False}}


def set_slot_aside(slots: Collection[Document], id_: object, corrupted: Corrupted) -> None:
    noted(corrupted)
    key = {"_id": id_, **NOT_SET_ASIDE}
    slots.update_one(key, [{"$set": {"setAside": _mark(corrupted.why)}}])


def set_fact_aside(slots: Collection[Document], id_: object, fact: Any, why: Corrupted) -> None:
    """`fact` is as the slot has it: whatever that is."""
    noted(why)
    is_it = {"$eq": ["$$this", {"$literal": fact}]}
    slots.update_one({"_id": id_}, facts_set_aside(is_it, why.why))


def set_event_aside(outbox: Collection[Document], id_: object, corrupted: Corrupted) -> None:
    noted(corrupted)
    outbox.update_one(
        {"_id": id_, "unsent": True},
        [
            {"$set": {"setAside": _mark(corrupted.why)}},
            {"$unset": ["unsent", "leaseId", "leasedUntil"]},
        ],
    )


def facts_set_aside(which: Any, why: str) -> list[Document]:  # Any: an aggregation expression
    """The pipeline that sets aside those of a slot's facts for which the expression holds."""
    facts = {"$cond": [{"$isArray": "$pendingEvents"}, "$pendingEvents", []]}
    chosen = {"$filter": {"input": facts, "cond": which}}
    marked = {"$map": {"input": chosen, "in": {"fact": "$$this", **_mark(why)}}}
    aside = {"$concatArrays": [{"$ifNull": ["$setAsideEvents", []]}, marked]}
    others = {"$filter": {"input": facts, "cond": {"$not": [which]}}}
    left = {"$cond": [{"$isArray": "$pendingEvents"}, others, "$pendingEvents"]}
    return [
        {"$set": {"setAsideEvents": aside, "pendingEvents": left}},
        *_WITHOUT_EMPTY,
    ]


def _mark(why: str) -> Document:
    return {"at": "$$NOW", "why": {"$literal": why}}


_WITHOUT_EMPTY: list[Document] = [
    {"$set": {name: {"$cond": [{"$eq": [f"${name}", []]}, "$$REMOVE", f"${name}"]}}}
    for name in ("pendingEvents", "setAsideEvents")
]


class SetAside(Value, kw_only=True):
    """Something set aside: the document it is (in), since when and why."""

    collection: str
    id: str
    what: str
    """`document`, or `fact`: one of a slot's."""
    at: datetime | None
    why: str


class MongoSetAside:
    """What is set aside in a database, as its operator sees it."""

    def __init__(self, database: Database[Document]):
        self._slots = database[SLOTS]
        self._outbox = database[OUTBOX]

    def all(self) -> Iterator[SetAside]:
        """Oldest first in each collection."""
        with call():
            for collection in (self._slots, self._outbox):
                for row in _marked(collection, "setAside"):
                    yield _told(collection, row, "document", row["setAside"])
            for row in _marked(self._slots, "setAsideEvents"):
                for mark in row["setAsideEvents"]:
                    yield _told(self._slots, row, "fact", mark)

    def put_back(self, shown: str) -> int:
        """Put back all that is shown under this id; how many documents that were."""
        return sum(
            self._put_back(collection, name, shown, pipeline)
            for collection, name, pipeline in (
                (self._slots, "setAside", [{"$unset": "setAside"}]),
                (self._slots, "setAsideEvents", _FACTS_BACK),
                (self._outbox, "setAside", _EVENT_BACK),
            )
        )

    def _put_back(
        self, collection: Collection[Document], name: str, shown: str, pipeline: Sequence[Document]
    ) -> int:
        with call():
            found = _marked(collection, name, shown)
            ids = [row["_id"] for row in found if shown_id(row["_id"]) == shown]
            there = {"_id": {"$in": ids}, name: {"$exists": True}}
            return collection.update_many(there, list(pipeline)).modified_count


def _marked(
    collection: Collection[Document], name: str, shown: str | None = None
) -> Iterator[Document]:
    """The documents with that mark, of `shown` those that may be it."""
    # An id that is no text is found only by being looked at.
    may_be = {} if shown is None else {"$or": [{"_id": shown}, {"_id": {"$not": {"$type": 2}}}]}
    query = {name: {"$exists": True}, **may_be}
    yield from collection.find(query, {name: 1}).sort(f"{name}.at", 1)


def _told(collection: Collection[Document], row: Document, what: str, mark: Any) -> SetAside:
    known = mark if isinstance(mark, dict) else {}
    at = known.get("at")
    return SetAside(
        collection=collection.name,
        id=shown_id(row["_id"]),
        what=what,
        at=at if isinstance(at, datetime) else None,
        why=str(known.get("why")),
    )


_FACTS_BACK: list[Document] = [
    {
        "$set": {
            "pendingEvents": {
                "$sortArray": {
                    "input": {
                        "$concatArrays": [
                            {"$ifNull": ["$pendingEvents", []]},
                            "$setAsideEvents.fact",
                        ]
                    },
                    "sortBy": {"version": 1},
                }
            }
        }
    },
    {"$unset": "setAsideEvents"},
]
_EVENT_BACK: list[Document] = [
    {"$set": {"unsent": True, "leasedUntil": None}},
    {"$unset": "setAside"},
]
