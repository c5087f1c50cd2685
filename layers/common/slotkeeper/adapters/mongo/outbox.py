"""The outbox as its relays see it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pymongo.database import Database

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import OUTBOX, OUTBOX_VERSION, Document, event_of
from slotkeeper.adapters.mongo.set_aside import set_event_aside
from slotkeeper.domain.errors import Corrupted
from slotkeeper.readings import note

if TYPE_CHECKING:
    from slotkeeper.domain.events import DomainEvent

LEASE_SECONDS = 60
"""Longer than a relay may live: a lease that is over belongs to nobody."""
WINDOW = 10
"""A relay looks past so many batches that others have leased, to find one of its own."""

_LEASE_ENDS = {"$add": ["$$NOW", LEASE_SECONDS * 1000]}
_IS_LEASED = {
    "$and": [
        {"$eq": [{"$type": "$leasedUntil"}, "date"]},
        {"$gt": ["$leasedUntil", "$$NOW"]},
        # One that ends much later is none of ours, or the clock was set back: nobody waits for it.
        # Not by how late a lease of now would end: $$NOW is when a command began, and another
        # relay's that began after ours may have come first.
        {"$lte": ["$leasedUntil", {"$add": [_LEASE_ENDS, LEASE_SECONDS * 1000]}]},
    ]
}
_OURS: Document = {"unsent": True, "v": {"$not": {"$gt": OUTBOX_VERSION}}}
"""Rows of a later version are left to relays that know it."""
_AGE_MS = {"$cond": [{"$eq": [{"$type": "$at"}, "date"]}, {"$subtract": ["$$NOW", "$at"]}, 0]}
_LEASED_BY = ("leaseId", "leasedUntil")


class MongoOutbox:
    """`Outbox` on the collection `outbox`.

    Rows that are set aside, or of a later version, keep none of their booking back: whoever hears
    of a booking can cope with any order (`services.send_notification`), but not with silence.
    """

    def __init__(self, database: Database[Document]):
        self._outbox = database[OUTBOX]

    def claim(self, *, limit: int) -> Sequence[DomainEvent]:
        with call():
            while True:
                leased = self._lease(limit)
                events = [event for row in leased if (event := self._read(row)) is not None]
                if events or not leased:
                    return events

    def _lease(self, limit: int) -> list[Document]:
        """Unsent rows that are ours for a while, oldest first, in order for each aggregate."""
        lease = uuid.uuid4().hex
        shown = {"aggregateId": 1, "version": 1, "isLeased": _IS_LEASED, "age": _AGE_MS}
        oldest = _by_version(
            list(
                self._outbox.find(_OURS, shown).sort([("at", 1), ("_id", 1)]).limit(limit * WINDOW)
            )
        )
        # Whoever may send it: one that others keep leased is late as well.
        note("outbox_lag_seconds", max((_seconds(row["age"]) for row in oldest), default=0.0))
        wanted = _in_order(oldest, lambda row: not row["isLeased"])[:limit]
        if not wanted:
            return []
        self._outbox.update_many(
            {"_id": {"$in": wanted}, "unsent": True, "$expr": {"$not": [_IS_LEASED]}},
            [{"$set": {"leaseId": lease, "leasedUntil": _LEASE_ENDS}}],
        )
        # By their text: an id that is none may be a document.
        leased = {
            repr(row["_id"]): row
            for row in self._outbox.find({"_id": {"$in": wanted}, "leaseId": lease})
        }
        # Another relay may have been quicker with part of an aggregate: what follows must wait.
        ours = [repr(id_) for id_ in _in_order(oldest, lambda row: repr(row["_id"]) in leased)]
        left = [row["_id"] for name, row in leased.items() if name not in set(ours)]
        if left:
            self._outbox.update_many(
                {"_id": {"$in": left}, "leaseId": lease}, [{"$unset": list(_LEASED_BY)}]
            )
        return [leased[name] for name in ours]

    def _read(self, row: Document) -> DomainEvent | None:
        try:
            return event_of(row)
        except Corrupted as corrupted:
            set_event_aside(self._outbox, row["_id"], corrupted)
            return None

    def mark_sent(self, events: Sequence[DomainEvent]) -> None:
        with call():
            self._outbox.update_many(
                {"_id": {"$in": [event.id for event in events]}},
                [{"$set": {"sentAt": "$$NOW"}}, {"$unset": ["unsent", *_LEASED_BY]}],
            )


def _seconds(milliseconds: int) -> float:
    return max(0, milliseconds) / 1000


def _by_version(rows: list[Document]) -> list[Document]:
    """The rows with those of an aggregate in order of version, in the places they have together.

    Times are no order where the primary changed between two facts and its clock was behind.
    """
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        if isinstance(row.get("aggregateId"), str) and isinstance(row.get("version"), int):
            places.setdefault(row["aggregateId"], []).append(place)
    ordered = list(rows)
    for of_one in places.values():
        by_version = sorted((rows[place] for place in of_one), key=lambda row: row["version"])
        for place, row in zip(of_one, by_version, strict=True):
            ordered[place] = row
    return ordered


def _in_order(rows: Sequence[Document], is_ours: Callable[[Document], bool]) -> list[object]:
    """Ids of the rows that may go: of each aggregate, those before the first that is not ours."""
    ids: list[object] = []
    waiting: set[str] = set()
    for row in rows:
        # One that names no aggregate can be read by nobody, and has none wait for it.
        aggregate = str(row.get("aggregateId", ""))
        if aggregate in waiting or not is_ours(row):
            waiting.add(aggregate)
        else:
            ids.append(row["_id"])
    return ids
