"""Codes sent in a day, where losing Redis gives none of them back."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import (
    QUOTAS,
    TODAY,
    Document,
    phone_quota_id,
    user_quota_id,
)
from slotkeeper.domain.errors import Unavailable
from slotkeeper.ports.codes import CodeTaken

if TYPE_CHECKING:
    from slotkeeper.domain.policy import BookingPolicy


class MongoCodeQuota:
    """`CodeQuota` on one document a user and one a number: the day (UTC) and its count.

    The database's clock says which day it is, so the day is no part of the id. A number is there by
    its hash alone (`phone_quota_id`).
    """

    def __init__(self, database: Database[Document], policy: BookingPolicy):
        self._quotas = database[QUOTAS]
        self._policy = policy

    def take(self, *, user_id: str, phone: str | None) -> CodeTaken | None:
        day = self._take(user_quota_id(user_id), self._policy.max_codes_per_user)
        if day is None:
            return None
        if phone is None:
            return CodeTaken(user_id=user_id, phone=None, day=day)
        phone_day = self._take(phone_quota_id(phone), self._policy.max_codes_per_phone)
        if phone_day is None:
            self._give_back(user_quota_id(user_id), day)
            return None
        return CodeTaken(user_id=user_id, phone=phone, day=phone_day)

    def give_back(self, taken: CodeTaken) -> None:
        self._give_back(user_quota_id(taken.user_id), taken.day)
        if taken.phone is not None:
            self._give_back(phone_quota_id(taken.phone), taken.day)

    def _take(self, id_: str, cap: int) -> str | None:
        """Count one, if today's are fewer than `cap`; the day it counts for."""
        by = uuid.uuid4().hex
        taken: Document = {
            "day": TODAY,
            "count": {"$add": ["$soFar", 1]},
            "at": "$$NOW",
            "takenBy": by,
        }
        with call():
            try:
                row = self._quotas.find_one_and_update(
                    {"_id": id_},
                    [
                        {"$set": {"soFar": {"$cond": [{"$eq": ["$day", TODAY]}, "$count", 0]}}},
                        {"$set": {"isLeft": {"$lt": ["$soFar", cap]}}},
                        {
                            "$set": {
                                name: {"$cond": ["$isLeft", value, f"${name}"]}
                                for name, value in taken.items()
                            }
                        },
                        {"$unset": ["soFar", "isLeft"]},
                    ],
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError as error:
                # Two first ones at once, the other was quicker: the job comes back.
                raise Unavailable from error
        if row is None:
            raise Unavailable
        return str(row["day"]) if row["takenBy"] == by else None

    def _give_back(self, id_: str, day: str) -> None:
        with call():
            self._quotas.update_one(
                {"_id": id_, "day": day, "count": {"$gt": 0}}, {"$inc": {"count": -1}}
            )
