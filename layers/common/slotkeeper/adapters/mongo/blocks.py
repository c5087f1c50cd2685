"""Single slots, blocked and unblocked by the clinic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pymongo.collection import Collection
from pymongo.database import Database

from slotkeeper.adapters.mongo.change import (
    HOLD_IS_OVER,
    IS_FREE,
    NEXT_VERSION,
    Expression,
    change,
    decided,
    literal,
    with_fact,
    with_lapse,
)
from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import SLOTS, Document
from slotkeeper.domain.timetable import BLOCK, UNBLOCK

if TYPE_CHECKING:
    from slotkeeper.domain.slot import Transition
    from slotkeeper.ports.slots import SlotDecision


class MongoSlotBlocks:
    """`SlotBlocks` on the collection `slots`."""

    def __init__(self, database: Database[Document]):
        self._slots: Collection[Document] = database[SLOTS]

    def block(self, slot_id: str, *, actor: str, request_id: str) -> SlotDecision:
        # A hold that is over ends first: a fact of its own, at a version of its own.
        version = {"$add": ["$version", {"$cond": [HOLD_IS_OVER, 2, 1]}]}
        fact = {**_slot_fact(BLOCK, actor, request_id), "version": version}
        changes = {
            "status": BLOCK.target,
            "version": version,
            "hold": "$$REMOVE",
            "pendingEvents": with_fact(fact, to=with_lapse(request_id)),
        }
        return self._decide(slot_id, IS_FREE, changes, BLOCK, request_id)

    def unblock(self, slot_id: str, *, actor: str, request_id: str) -> SlotDecision:
        changes = {
            "status": UNBLOCK.target,
            "version": NEXT_VERSION,
            "pendingEvents": with_fact(_slot_fact(UNBLOCK, actor, request_id)),
        }
        is_blocked = {"$eq": ["$status", UNBLOCK.source]}
        return self._decide(slot_id, is_blocked, changes, UNBLOCK, request_id)

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
        return decided(document, how.event, request_id, request_id=request_id)


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
