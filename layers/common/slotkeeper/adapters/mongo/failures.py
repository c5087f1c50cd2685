"""A user's wrong codes, where losing Redis gives none of them back."""

from __future__ import annotations

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from slotkeeper.adapters.mongo.change import from_now
from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import QUOTAS, Document, user_failures_id
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
        }
        key = {"_id": user_failures_id(user_id)}
        with call():
            try:
                self._quotas.update_one(key, [{"$set": counted}], upsert=True)
            except DuplicateKeyError:
                # The first two at once: by now there is one to count up.
                self._quotas.update_one(key, [{"$set": counted}])


def end_row(quotas: Collection[Document], user_ids: list[str]) -> None:
    """These users proved themselves: their wrong codes are forgotten."""
    with call():
        quotas.delete_many({"_id": {"$in": [user_failures_id(user_id) for user_id in user_ids]}})
