"""Sagas in MongoDB: every change names the version it was made from, by the database's clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from pymongo import ReturnDocument
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from slotkeeper.adapters.mongo.change import NEXT_VERSION, Expression, from_now, literal
from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import (
    SAGAS,
    Document,
    price_document,
    saga_document,
    saga_of,
)
from slotkeeper.domain.errors import Corrupted
from slotkeeper.domain.payment import ENDED_BY_BOOKING, NEXT, RESTING, Price, Saga, SagaState
from slotkeeper.ports.payments import DueSagas

if TYPE_CHECKING:
    from slotkeeper.domain.events import DomainEvent

SAGA_LEASE = timedelta(seconds=30)
"""Longer than `verify_otp` lives, and than the sweep works on one (template.yaml): when it is over
nobody does any more."""
ASIDE = timedelta(minutes=15)
_IS_NOBODYS = {"$or": [{"$eq": [{"$type": "$dueAt"}, "missing"]}, {"$lte": ["$dueAt", "$$NOW"]}]}


class MongoSagas:
    """`SagaStore` on the collection `sagas`."""

    def __init__(self, database: Database[Document]):
        self._sagas: Collection[Document] = database[SAGAS]

    def find(self, attempt_id: str) -> Saga | None:
        with call():
            document = self._sagas.find_one({"_id": attempt_id})
        return saga_of(document) if document else None

    def begin(self, saga: Saga) -> Saga | None:
        fields: dict[str, Expression] = {
            **{name: {"$literal": value} for name, value in saga_document(saga).items()},
            "createdAt": "$$NOW",
            "updatedAt": "$$NOW",
            "dueAt": from_now(SAGA_LEASE),
        }
        with call():
            try:
                document = self._sagas.find_one_and_update(
                    # Matches nothing that is there: inserts, or is refused by the id's index.
                    {"_id": saga.id, "version": {"$exists": False}},
                    [{"$set": fields}],
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError:
                return None
        assert document is not None
        return saga_of(document)

    def take(self, saga: Saga) -> Saga | None:
        return self._change(saga, {"dueAt": from_now(SAGA_LEASE)}, only_if=_IS_NOBODYS)

    def move(
        self,
        saga: Saga,
        to: SagaState,
        *,
        payment_id: str | None = None,
        price: Price | None = None,
        replaces: str | None = None,
    ) -> Saga | None:
        assert to is saga.state or to in NEXT[saga.state], (saga.state, to)
        changes: dict[str, Expression] = {
            "state": to.value,
            "dueAt": "$$REMOVE" if to in RESTING else from_now(SAGA_LEASE),
            # Of steps only: it tells since when a payment is stuck, however often it was tried.
            "updatedAt": "$$NOW",
        }
        if payment_id is not None:
            changes["paymentId"] = literal(payment_id)
        if to is SagaState.AUTHORISING and saga.state is not to:
            assert price is not None
            changes |= {
                **{name: {"$literal": value} for name, value in price_document(price).items()},
                "try": {"$add": ["$try", 1]},
                "paymentId": None,
                "replaces": literal(replaces),
                "withdrawn": "$$REMOVE",
            }
        return self._change(saga, changes)

    def let_go(self, saga: Saga) -> None:
        if not saga.is_resting:
            self._change(saga, {"dueAt": "$$NOW"})

    def set_aside(self, saga: Saga) -> None:
        # Whatever version it has come to: the trouble may be in any of its steps.
        with call():
            self._sagas.update_one(
                {"_id": saga.id, "dueAt": {"$exists": True}},
                [{"$set": {"dueAt": from_now(ASIDE), "version": NEXT_VERSION}}],
            )

    def withdraw(self, attempt_id: str) -> None:
        # The version too: whoever is about to book the slot late has to look again.
        with call():
            self._sagas.update_one(
                {"_id": attempt_id}, {"$set": {"withdrawn": True}, "$inc": {"version": 1}}
            )

    def due(self, *, limit: int) -> DueSagas:
        is_due = {"dueAt": {"$exists": True}, "$expr": {"$lte": ["$dueAt", "$$NOW"]}}
        with call():
            found = list(self._sagas.find(is_due).sort("dueAt", 1).limit(limit))
        sagas, unreadable = [], []
        for document in found:
            try:
                sagas.append(saga_of(document))
            except Corrupted:
                unreadable.append(document["_id"])
        if unreadable:
            with call():
                self._sagas.update_many(
                    {"_id": {"$in": unreadable}}, [{"$set": {"dueAt": from_now(ASIDE)}}]
                )
        return DueSagas(sagas, [str(id_) for id_ in unreadable])

    def _change(
        self, saga: Saga, changes: Mapping[str, Expression], only_if: Expression | None = None
    ) -> Saga | None:
        held: Document = {"_id": saga.id, "version": saga.version}
        if only_if is not None:
            held["$expr"] = only_if
        with call():
            document = self._sagas.find_one_and_update(
                held,
                [{"$set": {**changes, "version": NEXT_VERSION}}],
                return_document=ReturnDocument.AFTER,
            )
        return saga_of(document) if document else None


def give_back(sagas: Collection[Document], ends: Sequence[DomainEvent]) -> None:
    """What was or is being paid for bookings that ended is to be given back: now, by the sweep.

    Once each, however often an end is told: a saga that is on its way back stays on it.
    """
    state = {
        "$switch": {
            "branches": [
                {"case": {"$eq": ["$state", source.value]}, "then": target.value}
                for source, target in ENDED_BY_BOOKING.items()
            ],
            "default": "$state",
        }
    }
    with call():
        sagas.update_many(
            {
                "_id": {"$in": [fact.attempt_id for fact in ends]},
                "state": {"$in": [state.value for state in ENDED_BY_BOOKING]},
                # One that cannot be counted up must not keep the others' ends from being told.
                "version": {"$type": "number"},
            },
            [
                {
                    "$set": {
                        "state": state,
                        "version": NEXT_VERSION,
                        "updatedAt": "$$NOW",
                        "dueAt": "$$NOW",
                    }
                }
            ],
        )
