"""A user's wrong codes, where losing Redis gives none of them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pymongo import DeleteOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from slotkeeper.adapters.mongo.change import from_now
from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import QUOTAS, Document, user_failures_id

if TYPE_CHECKING:
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.domain.policy import BookingPolicy


class MongoFailures:
    """`Failures` on one document a user, among the quotas; it has no `at`, so it does not lapse."""

    def __init__(self, database: Database[Document], policy: BookingPolicy):
        self._quotas = database[QUOTAS]
        self._window = policy.failure_window

    def count(self, *, user_id: str) -> None:
        in_window = {"$gt": ["$windowEndsAt", "$$NOW"]}
        counted: Document = {
            "inARow": {"$add": [{"$ifNull": ["$inARow", 0]}, 1]},
            "inWindow": {"$cond": [in_window, {"$add": ["$inWindow", 1]}, 1]},
            "windowEndsAt": {"$cond": [in_window, "$windowEndsAt", from_now(self._window)]},
            "failedAt": "$$NOW",
        }
        key = {"_id": user_failures_id(user_id)}
        with call():
            try:
                self._quotas.update_one(key, [{"$set": counted}], upsert=True)
            except DuplicateKeyError:
                # The first two at once: by now there is one to count up.
                self._quotas.update_one(key, [{"$set": counted}])


def end_rows(quotas: Collection[Document], proofs: Sequence[DomainEvent]) -> None:
    """Who confirmed a booking proved themselves: their wrong codes until then are forgotten."""
    deletions = [
        DeleteOne({"_id": user_failures_id(fact.user_id), "failedAt": {"$lte": fact.at}})
        for fact in proofs
    ]
    with call():
        quotas.bulk_write(deletions, ordered=False)
