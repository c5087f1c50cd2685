"""Single slots, blocked and unblocked by the clinic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pymongo.collection import Collection
from pymongo.database import Database

from slotkeeper.adapters.mongo.change import (
    HOLD_IS_OVER,
    NEXT_VERSION,
    Expression,
    change,
    decision_of,
    hold_fact,
    literal,
)
from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import SLOTS, Document
from slotkeeper.domain.events import SYSTEM
from slotkeeper.domain.slot import EXPIRE, SlotStatus, Transition
from slotkeeper.domain.timetable import BLOCK, UNBLOCK
from slotkeeper.ports.slots import SlotDecision


class MongoSlotBlocks:
    """`SlotBlocks` on the collection `slots`."""

    def __init__(self, database: Database[Document]):
        self._slots: Collection[Document] = database[SLOTS]

    def block(self, slot_id: str, *, actor: str, request_id: str) -> SlotDecision:
        is_free = {"$or": [{"$eq": ["$status", SlotStatus.ACTIVE]}, HOLD_IS_OVER]}
        # A hold that is over ends first: a fact of its own, at a version of its own.
        ended = hold_fact(EXPIRE, actor=SYSTEM, request_id=request_id)
        lapsed = {"$cond": [HOLD_IS_OVER, [_told(NEXT_VERSION, ended)], []]}
        version = {"$add": ["$version", {"$cond": [HOLD_IS_OVER, 2, 1]}]}
        fact = _told(version, _slot_fact(BLOCK, actor, request_id))
        return self._decide(
            slot_id,
            is_free,
            {
                "status": BLOCK.target,
                "version": version,
                "hold": "$$REMOVE",
                "pendingEvents": {"$concatArrays": [_PENDING, lapsed, [fact]]},
            },
            BLOCK,
            request_id,
        )

    def unblock(self, slot_id: str, *, actor: str, request_id: str) -> SlotDecision:
        fact = _told(NEXT_VERSION, _slot_fact(UNBLOCK, actor, request_id))
        return self._decide(
            slot_id,
            {"$eq": ["$status", UNBLOCK.source]},
            {
                "status": UNBLOCK.target,
                "version": NEXT_VERSION,
                "pendingEvents": {"$concatArrays": [_PENDING, [fact]]},
            },
            UNBLOCK,
            request_id,
        )

    def _decide(
        self,
        slot_id: str,
        condition: Expression,
        changes: Mapping[str, Expression],
        how: Transition,
        request_id: str,
    ) -> SlotDecision:
        with call():
            document = change(self._slots, slot_id, condition, changes)
        decision = decision_of(document, made=False)
        ours = (how.event, request_id)
        event = next((f for f in decision.facts if (f.type, f.request_id) == ours), None)
        return replace(decision, made=event is not None, event=event)


_PENDING = {"$ifNull": ["$pendingEvents", []]}


def _told(version: Expression, fact: Mapping[str, Expression]) -> dict[str, Expression]:
    return {"version": version, "at": "$$NOW", **fact}


def _slot_fact(how: Transition, actor: str, request_id: str) -> dict[str, Expression]:
    """What happened to the slot itself: no patient's attempt, no booking."""
    return {
        "type": how.event,
        "attemptId": "",
        "userId": "",
        "bookingId": None,
        "from": how.source,
        "to": how.target,
        "actor": literal(actor),
        "requestId": literal(request_id),
    }
