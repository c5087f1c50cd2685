"""Which notifications were sent, so that a message delivered twice is one to the patient."""

from __future__ import annotations

import uuid

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import DELIVERIES, Document
from slotkeeper.domain.errors import Unavailable
from slotkeeper.ports.notifications import Turn

LEASE_SECONDS = 60
"""Longer than a sender may live; a crash between sending and marking sends again after it."""


class MongoDeliveries:
    """`Deliveries` on the collection `deliveries` (TTL)."""

    def __init__(self, database: Database[Document]):
        self._deliveries = database[DELIVERIES]

    def take_turn(self, booking_id: str, version: int) -> Turn:
        lease = uuid.uuid4().hex
        before = {"$ifNull": ["$told", version]}
        taken = {
            # Kept for as long after the last thing told as after the first.
            "at": "$$NOW",
            "leaseId": lease,
            "leasedUntil": {"$add": ["$$NOW", LEASE_SECONDS * 1000]},
            "isLate": {"$gt": [before, version]},
            "told": {"$max": ["$told", version]},
        }
        is_ours = {"$lte": [{"$ifNull": ["$leasedUntil", "$$NOW"]}, "$$NOW"]}
        with call():
            try:
                row = self._deliveries.find_one_and_update(
                    {"_id": _turn_id(booking_id)},
                    [
                        {"$set": {"isOurs": is_ours}},
                        {
                            "$set": {
                                name: {"$cond": ["$isOurs", value, f"${name}"]}
                                for name, value in taken.items()
                            }
                        },
                        {"$unset": "isOurs"},
                    ],
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError as error:
                # Two first turns at once: the other one has it.
                raise Unavailable from error
        if row is None or row["leaseId"] != lease:
            raise Unavailable
        return Turn(booking_id=booking_id, lease=lease, is_late=bool(row["isLate"]))

    def end_turn(self, turn: Turn) -> None:
        with call():
            self._deliveries.update_one(
                {"_id": _turn_id(turn.booking_id), "leaseId": turn.lease},
                {"$unset": {"leasedUntil": ""}},
            )

    def claim(self, key: str) -> bool:
        lease = uuid.uuid4().hex
        is_ours = {
            "$and": [
                {"$eq": [{"$type": "$sentAt"}, "missing"]},
                {"$lte": [{"$ifNull": ["$leasedUntil", "$$NOW"]}, "$$NOW"]},
            ]
        }
        until = {"$add": ["$$NOW", LEASE_SECONDS * 1000]}
        with call():
            try:
                row = self._deliveries.find_one_and_update(
                    {"_id": key},
                    [
                        {"$set": {"isOurs": is_ours}},
                        {
                            "$set": {
                                "at": {"$ifNull": ["$at", "$$NOW"]},
                                "leaseId": {"$cond": ["$isOurs", lease, "$leaseId"]},
                                "leasedUntil": {"$cond": ["$isOurs", until, "$leasedUntil"]},
                            }
                        },
                        {"$unset": "isOurs"},
                    ],
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError as error:
                # Two first claims at once: the other one has it.
                raise Unavailable from error
        if row is not None and "sentAt" in row:
            return False
        if row is None or row["leaseId"] != lease:
            raise Unavailable
        return True

    def mark_sent(self, key: str, message_id: str | None) -> None:
        with call():
            self._deliveries.update_one(
                {"_id": key}, [{"$set": {"sentAt": "$$NOW", "messageId": {"$literal": message_id}}}]
            )

    def give_up(self, key: str) -> None:
        with call():
            self._deliveries.delete_one({"_id": key, "sentAt": {"$exists": False}})


def _turn_id(booking_id: str) -> str:
    return f"turn/{booking_id}"
