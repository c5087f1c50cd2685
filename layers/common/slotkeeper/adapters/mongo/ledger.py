"""Bookings, outbox and audit log: written once each, however often they are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import (
    AUDIT_LOGS,
    BOOKINGS,
    OUTBOX,
    QUOTAS,
    SAGAS,
    Document,
    audit_document,
    booking_change,
    booking_document,
    booking_of,
    outbox_document,
)
from slotkeeper.adapters.mongo.failures import end_rows
from slotkeeper.adapters.mongo.fields import readable
from slotkeeper.adapters.mongo.sagas import give_back
from slotkeeper.adapters.together import together
from slotkeeper.domain.booking import ENDS, Booking, BookingStatus
from slotkeeper.domain.errors import BrokenInvariant
from slotkeeper.domain.slot import CONFIRM, MAX_SLOT

if TYPE_CHECKING:
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.ports.common import Together

_DUPLICATE_KEY = 11000
_TYPE_MISMATCH = 14
"""What is to be counted up is no number."""


class MongoLedger:
    """`Ledger` on the collections `bookings`, `outbox` and `audit_logs`.

    With a confirmation goes the patient's row of wrong codes (`Failures`).
    `takes_payment` also sees to it that what was paid for a booking that ends is given back.
    """

    def __init__(
        self,
        database: Database[Document],
        together: Together = together,
        *,
        takes_payment: bool = False,
    ):
        self._bookings = database[BOOKINGS]
        self._outbox = database[OUTBOX]
        self._audit = database[AUDIT_LOGS]
        self._quotas = database[QUOTAS]
        self._sagas = database[SAGAS] if takes_payment else None
        self._together = together

    def record(self, *, bookings: Sequence[Booking], facts: Sequence[DomainEvent]) -> None:
        self._together(
            lambda: self._follow(bookings, facts),
            lambda: _insert_absent(self._outbox, [outbox_document(f) for f in facts]),
            lambda: _insert_absent(self._audit, [audit_document(f) for f in facts]),
            *self._ending_rows(bookings, facts),
            *self._paying_back(facts),
        )

    def _ending_rows(
        self, bookings: Sequence[Booking], facts: Sequence[DomainEvent]
    ) -> list[Callable[[], None]]:
        made = {booking.id for booking in bookings}
        proofs = [f for f in facts if f.type == CONFIRM.event and f.booking_id in made]
        return [lambda: end_rows(self._quotas, proofs)] if proofs else []

    def _paying_back(self, facts: Sequence[DomainEvent]) -> list[Callable[[], None]]:
        sagas, ends = self._sagas, [fact for fact in facts if fact.type in ENDS]
        return [] if sagas is None or not ends else [lambda: give_back(sagas, ends)]

    def _follow(self, bookings: Sequence[Booking], facts: Sequence[DomainEvent]) -> None:
        """Add and end bookings as the facts tell, in order for each slot.

        In rounds of at most one fact a slot: what ends a slot's earlier booking comes before what
        begins its next one, and all slots go at once.
        """
        made = {booking.id: booking for booking in bookings}
        rounds: list[list[DomainEvent]] = []
        for fact in facts:
            told = fact.booking_id in made if fact.type == CONFIRM.event else fact.type in ENDS
            if told:
                earlier = sum(fact.slot_id in {f.slot_id for f in round_} for round_ in rounds)
                if earlier == len(rounds):
                    rounds.append([])
                rounds[earlier].append(fact)
        for round_ in rounds:
            self._add(
                [made[f.booking_id] for f in round_ if f.type == CONFIRM.event and f.booking_id]
            )
            self._end([f for f in round_ if f.type in ENDS])

    def _end(self, facts: Sequence[DomainEvent]) -> None:
        if not facts:
            return
        confirmed = BookingStatus.CONFIRMED.value
        changes = [
            UpdateOne(
                {"_id": f.booking_id, "doctorId": f.doctor_id, "status": confirmed},
                booking_change(f),
            )
            for f in facts
        ]
        with call():
            try:
                self._bookings.bulk_write(changes, ordered=False)
            except BulkWriteError as error:
                if error.details.get("writeConcernErrors") or any(
                    failure["code"] != _TYPE_MISMATCH for failure in error.details["writeErrors"]
                ):
                    raise
                raise BrokenInvariant("a booking that cannot be changed") from error

    def _add(self, bookings: Sequence[Booking]) -> None:
        known = _insert_absent(self._bookings, [booking_document(b) for b in bookings])
        if not known:
            return
        told = {b.id: (b.slot_id, b.created_at) for b in bookings}
        with call():
            for row in self._bookings.find({"_id": {"$in": known}}):
                if (row.get("slotId"), row.get("createdAt")) != told[row["_id"]]:
                    raise BrokenInvariant("two confirmations under one booking id")

    def booking(self, booking_id: str) -> Booking | None:
        with call():
            document = self._bookings.find_one({"_id": booking_id})
        return booking_of(document) if document else None

    def bearing_on_hold(
        self, user_id: str, *, ids: Sequence[str], around: datetime | None
    ) -> Sequence[Booking]:
        time = {"$gt": (around or datetime.now(UTC)) - MAX_SLOT}
        if around is not None:
            time["$lt"] = around + MAX_SLOT
        theirs = {
            "userId": user_id,
            "status": BookingStatus.CONFIRMED.value,
            "startTime": time,
        }
        with call():
            found = list(
                self._bookings.find({"$or": [{"_id": {"$in": list(ids)}}, theirs]}).limit(100)
            )
        named = [booking_of(document) for document in found if document["_id"] in ids]
        # Of the patient's others, one that cannot be read keeps them from nothing.
        return named + readable((one for one in found if one["_id"] not in ids), booking_of)


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
