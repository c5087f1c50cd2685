"""The outbox as its relays see it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from pymongo.database import Database

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import OUTBOX, Document, event_of
from slotkeeper.domain.events import DomainEvent

LEASE_SECONDS = 60
"""Longer than a relay may live: a lease that is over belongs to nobody."""

_IS_LEASED = {"$gt": ["$leasedUntil", "$$NOW"]}


class MongoOutbox:
    """`Outbox` on the collection `outbox`."""

    def __init__(self, database: Database[Document]):
        self._outbox = database[OUTBOX]

    def claim(self, *, limit: int) -> Sequence[DomainEvent]:
        lease = uuid.uuid4().hex
        with call():
            oldest = list(
                self._outbox.find({"unsent": True}, {"aggregateId": 1, "isLeased": _IS_LEASED})
                .sort([("at", 1), ("_id", 1)])
                .limit(limit)
            )
            wanted = _in_order(oldest, lambda row: not row["isLeased"])
            if not wanted:
                return []
            self._outbox.update_many(
                {"_id": {"$in": wanted}, "unsent": True, "$expr": {"$not": [_IS_LEASED]}},
                [
                    {
                        "$set": {
                            "leaseId": lease,
                            "leasedUntil": {"$add": ["$$NOW", LEASE_SECONDS * 1000]},
                        }
                    }
                ],
            )
            leased = {
                row["_id"]: row
                for row in self._outbox.find({"_id": {"$in": wanted}, "leaseId": lease})
            }
        # Another relay may have been quicker with part of an aggregate: what follows must wait.
        return [event_of(leased[id_]) for id_ in _in_order(oldest, lambda r: r["_id"] in leased)]

    def mark_sent(self, events: Sequence[DomainEvent]) -> None:
        with call():
            self._outbox.update_many(
                {"_id": {"$in": [event.id for event in events]}},
                [{"$set": {"sentAt": "$$NOW"}}, {"$unset": ["unsent", "leaseId", "leasedUntil"]}],
            )


def _in_order(rows: Sequence[Document], is_ours: Callable[[Document], bool]) -> list[str]:
    """Ids of the rows that may go: of each aggregate, those before the first that is not ours."""
    ids: list[str] = []
    waiting: set[str] = set()
    for row in rows:
        if row["aggregateId"] in waiting or not is_ours(row):
            waiting.add(row["aggregateId"])
        else:
            ids.append(row["_id"])
    return ids
