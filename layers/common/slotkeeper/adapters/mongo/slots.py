"""Slots in MongoDB: every change of a slot is one conditional update, judged by `$$NOW`.

The update is an aggregation pipeline (MongoDB 5.0+): it writes only where its condition holds and
answers the slot and the database's time either way, so that one round trip both decides and tells
why not. What a change means for others is kept in the slot itself (`pendingEvents`) until the
ledger has it (ADR 0002).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument, UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import SLOTS, Document, pending_event_of, slot_of
from slotkeeper.domain.errors import NotFound
from slotkeeper.domain.events import SYSTEM, DomainEvent
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.domain.slot import (
    CONFIRM,
    EXPIRE,
    RELEASE,
    Slot,
    SlotStatus,
    Transition,
    doctor_of,
)
from slotkeeper.domain.user import Channel
from slotkeeper.ports import MAX_TOTAL, Position, SlotDecision, SlotFilter

Expression = Any  # Any: an aggregation expression is nested dicts, lists and scalars

_LISTED = dict.fromkeys(("doctorId", "date", "startTime", "endTime", "status", "version"), 1)
_SHOWN = {
    **_LISTED,
    **dict.fromkeys(("hold", "bookingId", "pendingEvents"), 1),
    "now": "$$NOW",
}
UNRECORDED = {"pendingEvents": {"$exists": True}, "pendingEvents.attemptId": {"$gt": ""}}
"""Names the partial index's key as well as its condition, or the planner would not use it."""
_IS_RESERVED = {"$eq": ["$status", SlotStatus.RESERVED]}
_HOLD_IS_OVER = {"$and": [_IS_RESERVED, {"$lte": ["$hold.expiresAt", "$$NOW"]}]}


class MongoSlots:
    """`SlotStore` on the collection `slots`."""

    def __init__(self, database: Database[Document], policy: BookingPolicy):
        self._slots: Collection[Document] = database[SLOTS]
        self._policy = policy

    def place_hold(
        self,
        slot_id: str,
        *,
        attempt_id: str,
        user_id: str,
        channel: Channel | None,
        request_id: str,
    ) -> SlotDecision:
        is_free = {
            "$and": [
                {"$or": [{"$eq": ["$status", SlotStatus.ACTIVE]}, _HOLD_IS_OVER]},
                {"$gt": ["$startTime", "$$NOW"]},
            ]
        }
        lapsed = _facts(EXPIRE, actor=SYSTEM, request_id=request_id)
        hold = {
            "attemptId": _literal(attempt_id),
            "userId": _literal(user_id),
            "placedAt": "$$NOW",
            "expiresAt": _from_now(self._policy.hold),
            "version": {"$add": ["$version", 1]},
            "requestId": _literal(request_id),
            "otp": {
                "channel": channel.value if channel else None,
                "sends": 1,
                "sentAt": "$$NOW",
                "expiresAt": _from_now(min(self._policy.code_lifetime, self._policy.hold)),
                "tries": 0,
            },
        }
        document = self._change(
            slot_id,
            is_free,
            {
                "pendingEvents": {"$cond": [_HOLD_IS_OVER, lapsed, "$pendingEvents"]},
                "status": SlotStatus.RESERVED,
                "version": {"$add": ["$version", 1]},
                "hold": hold,
            },
        )
        placed = (document.get("hold") or {}).get("requestId") == request_id
        return _decision(document, made=placed)

    def undo_hold(self, slot_id: str, *, attempt_id: str, request_id: str) -> None:
        with call():
            self._slots.update_one(
                {
                    **_key(slot_id),
                    "status": SlotStatus.RESERVED,
                    "hold.attemptId": attempt_id,
                    "hold.requestId": request_id,
                },
                {
                    "$set": {"status": SlotStatus.ACTIVE.value},
                    "$unset": {"hold": ""},
                    "$inc": {"version": 1},
                },
            )

    def find_attempt(self, attempt_id: str) -> SlotDecision | None:
        with call():
            document = self._slots.find_one(
                {
                    "$or": [
                        {"status": SlotStatus.RESERVED, "hold.attemptId": attempt_id},
                        {"pendingEvents": {"$exists": True}, "pendingEvents.attemptId": attempt_id},
                    ]
                },
                _SHOWN,
            )
        if document is None:
            return None
        event = _event_of_attempt(document, CONFIRM, attempt_id)
        return _decision(document, made=False, event=event)

    def count_try(self, slot_id: str, *, attempt_id: str, user_id: str) -> SlotDecision:
        # Counts one past the limit, so that the answer tells the last try from one too many.
        document = self._change(
            slot_id,
            _all_of(
                _is_live_hold_of(attempt_id, user_id),
                {"$lte": ["$hold.otp.tries", self._policy.max_tries]},
            ),
            _otp({"tries": {"$add": ["$hold.otp.tries", 1]}}),
        )
        tries = (document.get("hold") or {"otp": {"tries": 0}})["otp"]["tries"]
        return _decision(document, made=tries <= self._policy.max_tries)

    def count_send(
        self, slot_id: str, *, attempt_id: str, user_id: str, request_id: str
    ) -> SlotDecision:
        policy = self._policy
        document = self._change(
            slot_id,
            _all_of(
                _is_live_hold_of(attempt_id, user_id),
                {"$lt": ["$hold.otp.tries", policy.max_tries]},
                {"$lt": ["$hold.otp.sends", policy.max_sends]},
                {"$lte": [_after("$hold.otp.sentAt", policy.resend_wait), "$$NOW"]},
            ),
            _otp(
                {
                    "sends": {"$add": ["$hold.otp.sends", 1]},
                    "sentAt": "$$NOW",
                    "expiresAt": {"$min": [_from_now(policy.code_lifetime), "$hold.expiresAt"]},
                    "requestId": _literal(request_id),
                    "previous": {
                        "sentAt": "$hold.otp.sentAt",
                        "expiresAt": "$hold.otp.expiresAt",
                    },
                }
            ),
        )
        otp = (document.get("hold") or {}).get("otp") or {}
        return _decision(document, made=otp.get("requestId") == request_id)

    def undo_send(self, slot_id: str, *, attempt_id: str, sends: int) -> None:
        with call():
            self._slots.update_one(
                {**_key(slot_id), "hold.attemptId": attempt_id, "hold.otp.sends": sends},
                [
                    {
                        "$set": {
                            "hold.otp.sends": {"$subtract": ["$hold.otp.sends", 1]},
                            "hold.otp.sentAt": "$hold.otp.previous.sentAt",
                            "hold.otp.expiresAt": "$hold.otp.previous.expiresAt",
                        }
                    }
                ],
            )

    def confirm(
        self,
        slot_id: str,
        *,
        attempt_id: str,
        user_id: str,
        send_number: int,
        booking_id: str,
        request_id: str,
    ) -> SlotDecision:
        document = self._change(
            slot_id,
            _all_of(
                _is_live_hold_of(attempt_id, user_id),
                {"$eq": ["$hold.otp.sends", send_number]},
                {"$lt": ["$hold.otp.tries", self._policy.max_tries]},
                {"$gt": ["$hold.otp.expiresAt", "$$NOW"]},
            ),
            _transition(CONFIRM, actor=user_id, request_id=request_id, booking_id=booking_id),
        )
        return _decided(document, CONFIRM, attempt_id, request_id)

    def release(
        self, slot_id: str, *, attempt_id: str, user_id: str, request_id: str
    ) -> SlotDecision:
        document = self._change(
            slot_id,
            _is_live_hold_of(attempt_id, user_id),
            _transition(RELEASE, actor=user_id, request_id=request_id),
        )
        return _decided(document, RELEASE, attempt_id, request_id)

    def expire_due(self, *, limit: int, request_id: str) -> int:
        with call():
            due = [
                document["_id"]
                for document in self._slots.find(
                    {
                        "status": SlotStatus.RESERVED,
                        "$expr": {"$lte": ["$hold.expiresAt", "$$NOW"]},
                    },
                    {"_id": 1},
                )
                .sort("hold.expiresAt", 1)
                .limit(limit)
            ]
            if due:
                changes = _transition(EXPIRE, actor=SYSTEM, request_id=request_id)
                self._slots.update_many(
                    {"_id": {"$in": due}, "status": SlotStatus.RESERVED},
                    _guarded(_HOLD_IS_OVER, changes),
                )
        return len(due)

    def unrecorded(self, *, limit: int) -> Sequence[tuple[Slot, DomainEvent]]:
        with call():
            documents = list(self._slots.find(UNRECORDED, _SHOWN).limit(limit))
        return [
            (slot_of(document), pending_event_of(document, pending))
            for document in documents
            for pending in document["pendingEvents"]
        ]

    def mark_recorded(self, facts: Sequence[DomainEvent]) -> None:
        recorded: dict[str, list[int]] = {}
        for fact in facts:
            recorded.setdefault(fact.slot_id, []).append(fact.version)
        with call():
            self._slots.bulk_write(
                [
                    UpdateOne(_key(slot_id), _without_pending(versions))
                    for slot_id, versions in recorded.items()
                ],
                ordered=False,
            )

    def free_slots(
        self, wanted: SlotFilter, *, now: datetime, after: Position | None, skip: int, limit: int
    ) -> Sequence[Slot]:
        with call():
            cursor = (
                self._slots.find(_free(wanted, now, after), _LISTED)
                .sort([("startTime", 1), ("_id", 1)])
                .skip(skip)
                .limit(limit)
            )
            return [slot_of(document) for document in cursor]

    def count_free(self, wanted: SlotFilter, *, now: datetime) -> int:
        with call():
            return self._slots.count_documents(_free(wanted, now, None), limit=MAX_TOTAL)

    def _change(
        self, slot_id: str, condition: Expression, changes: Mapping[str, Expression]
    ) -> Document:
        with call():
            document = self._slots.find_one_and_update(
                _key(slot_id),
                _guarded(condition, changes),
                projection=_SHOWN,
                return_document=ReturnDocument.AFTER,
            )
            if document is not None and "now" not in document:
                # A write that the driver had to repeat answers the image the server kept of it,
                # which no projection has touched.
                document |= self._slots.find_one(_key(slot_id), {"now": "$$NOW"}) or {}
        if document is None:
            raise NotFound
        return document


def _key(slot_id: str) -> Document:
    # The doctor is the shard key: with it the statement goes to one shard.
    return {"_id": slot_id, "doctorId": doctor_of(slot_id)}


def _guarded(condition: Expression, changes: Mapping[str, Expression]) -> list[Document]:
    """A pipeline that makes `changes` where `condition` holds and else leaves the document alone.

    All of one `$set` sees the document as it was before it, so no change hides another's input.
    """
    return [
        {"$set": {"decided": condition}},
        {
            "$set": {
                name: {"$cond": ["$decided", value, f"${name}"]} for name, value in changes.items()
            }
        },
        {"$unset": "decided"},
    ]


def _transition(
    transition: Transition, *, actor: str, request_id: str, booking_id: str | None = None
) -> dict[str, Expression]:
    """A status change by name: next version, no hold, and the fact to be recorded."""
    changes: dict[str, Expression] = {
        "status": transition.target,
        "version": {"$add": ["$version", 1]},
        "hold": "$$REMOVE",
        "pendingEvents": _facts(
            transition, actor=actor, request_id=request_id, booking_id=booking_id
        ),
    }
    if booking_id is not None:
        changes["bookingId"] = _literal(booking_id)
    return changes


def _otp(changes: Mapping[str, Expression]) -> dict[str, Expression]:
    # The hold is set as a whole: a path into a hold that is not there would make an empty one.
    otp = {"$mergeObjects": ["$hold.otp", changes]}
    return {"hold": {"$mergeObjects": ["$hold", {"otp": otp}]}}


def _facts(
    transition: Transition, *, actor: str, request_id: str, booking_id: str | None = None
) -> Expression:
    fact = {
        "type": transition.event,
        "version": {"$add": ["$version", 1]},
        "at": "$$NOW",
        "attemptId": "$hold.attemptId",
        "userId": "$hold.userId",
        "bookingId": _literal(booking_id),
        "from": transition.source,
        "to": transition.target,
        "actor": _literal(actor),
        "requestId": _literal(request_id),
    }
    return {"$concatArrays": [{"$ifNull": ["$pendingEvents", []]}, [fact]]}


def _without_pending(versions: list[int]) -> list[Document]:
    left = {
        "$filter": {
            # Missing where another recorder was quicker: filtered, that would be stored as null.
            "input": {"$ifNull": ["$pendingEvents", []]},
            "cond": {"$not": [{"$in": ["$$this.version", versions]}]},
        }
    }
    return [
        {"$set": {"pendingEvents": left}},
        {
            "$set": {
                "pendingEvents": {
                    "$cond": [{"$eq": ["$pendingEvents", []]}, "$$REMOVE", "$pendingEvents"]
                }
            }
        },
    ]


def _is_live_hold_of(attempt_id: str, user_id: str) -> Expression:
    """The hold is this attempt's, runs, and nothing changed the slot since it was placed.

    `version` is the fencing token: the storage itself refuses whoever comes with an old one.
    """
    return _all_of(
        _IS_RESERVED,
        {"$eq": ["$hold.attemptId", _literal(attempt_id)]},
        {"$eq": ["$hold.userId", _literal(user_id)]},
        {"$eq": ["$hold.version", "$version"]},
        {"$gt": ["$hold.expiresAt", "$$NOW"]},
    )


def _decision(document: Document, *, made: bool, event: DomainEvent | None = None) -> SlotDecision:
    return SlotDecision(slot=slot_of(document), now=document["now"], made=made, event=event)


def _decided(
    document: Document, transition: Transition, attempt_id: str, request_id: str
) -> SlotDecision:
    event = _event_of_attempt(document, transition, attempt_id)
    made = event is not None and event.request_id == request_id
    return _decision(document, made=made, event=event)


def _event_of_attempt(
    document: Document, transition: Transition, attempt_id: str
) -> DomainEvent | None:
    for pending in document.get("pendingEvents") or []:
        if (pending["type"], pending["attemptId"]) == (transition.event, attempt_id):
            return pending_event_of(document, pending)
    return None


def _free(wanted: SlotFilter, now: datetime, after: Position | None) -> Document:
    """Slots that could be held at `now`: active ones, and reserved ones whose hold is over."""
    bounds = [("$gt", now)]
    if wanted.start is not None:
        bounds.append(("$gte", wanted.start))
    if after is not None:
        assert isinstance(after.key, datetime)
        bounds.append(("$gte", after.key))
    # One bound: of two on the same field an index uses but one.
    operator, earliest = max(bounds, key=lambda bound: bound[1])
    start: Document = {operator: earliest}
    if wanted.end is not None:
        start["$lt"] = wanted.end
    conditions: list[Document] = [
        {"doctorId": wanted.doctor_id, "startTime": start},
        {
            "$or": [
                {"status": SlotStatus.ACTIVE},
                {"status": SlotStatus.RESERVED, "hold.expiresAt": {"$lte": now}},
            ]
        },
    ]
    if wanted.date is not None:
        conditions.append({"date": wanted.date})
    if after is not None:
        seen = {"startTime": after.key, "_id": {"$lte": after.id}}
        conditions.append({"$nor": [seen]})
    return {"$and": conditions}


def _all_of(*conditions: Expression) -> Expression:
    return {"$and": list(conditions)}


def _literal(value: str | None) -> Expression:
    # A caller's string that begins with `$` must not be read as a field.
    return {"$literal": value}


def _from_now(duration: timedelta) -> Expression:
    return _after("$$NOW", duration)


def _after(instant: str, duration: timedelta) -> Expression:
    return {"$add": [instant, round(duration.total_seconds() * 1000)]}
