"""Bookings, outbox and audit log: written once each, however often they are told."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import (
    AUDIT_LOGS,
    BOOKINGS,
    OUTBOX,
    Document,
    audit_document,
    booking_document,
    booking_of,
    outbox_document,
)
from slotkeeper.adapters.together import together
from slotkeeper.domain.booking import Booking
from slotkeeper.domain.errors import BrokenInvariant
from slotkeeper.domain.events import DomainEvent

_DUPLICATE_KEY = 11000


class MongoLedger:
    """`Ledger` on the collections `bookings`, `outbox` and `audit_logs`."""

    def __init__(self, database: Database[Document]):
        self._bookings = database[BOOKINGS]
        self._outbox = database[OUTBOX]
        self._audit = database[AUDIT_LOGS]

    def record(self, *, bookings: Sequence[Booking], facts: Sequence[DomainEvent]) -> None:
        together(
            lambda: self._add(bookings),
            lambda: _insert_absent(self._outbox, [outbox_document(f) for f in facts]),
            lambda: _insert_absent(self._audit, [audit_document(f) for f in facts]),
        )

    def _add(self, bookings: Sequence[Booking]) -> None:
        known = _insert_absent(self._bookings, [booking_document(b) for b in bookings])
        if not known:
            return
        told = {b.id: (b.slot_id, b.created_at) for b in bookings}
        with call():
            for row in self._bookings.find({"_id": {"$in": known}}):
                if (row["slotId"], row["createdAt"]) != told[row["_id"]]:
                    raise BrokenInvariant("two confirmations under one booking id")

    def booking(self, booking_id: str) -> Booking | None:
        with call():
            document = self._bookings.find_one({"_id": booking_id})
        return booking_of(document) if document else None


def _insert_absent(collection: Collection[Document], documents: Sequence[Document]) -> list[str]:
    """Insert the documents whose `_id` is not there yet; the ids of those that were.

    Raises:
        BrokenInvariant: another unique index refused one.
    """
    if not documents:
        return []
    with call():
        try:
            collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            details = error.details
            failures = details["writeErrors"]
            if details.get("writeConcernErrors") or any(
                failure["code"] != _DUPLICATE_KEY for failure in failures
            ):
                raise
            if any(list(failure["keyPattern"]) != ["_id"] for failure in failures):
                raise BrokenInvariant(f"a second live document in {collection.name}") from error
            return [documents[failure["index"]]["_id"] for failure in failures]
    return []
