"""Slots that are paid for: the code is accepted first, the slot booked when the money is sure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace
from pymongo.collection import Collection
from pymongo.database import Database

from slotkeeper.adapters.mongo.change import (
    HOLD_IS_OVER,
    IS_ACCEPTED,
    IS_FREE,
    Expression,
    all_of,
    booked,
    change,
    decided,
    is_live_hold_of,
    is_right_code,
    literal,
    paid_confirmation,
    with_fact,
    with_lapse,
)
from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import SLOTS, Document
from slotkeeper.domain.slot import CONFIRM, CONFIRM_LATE

if TYPE_CHECKING:
    from slotkeeper.domain.payment import Saga
    from slotkeeper.domain.policy import BookingPolicy
    from slotkeeper.ports.slots import SlotDecision


class MongoPaidSlots:
    """`PaidSlots` on the collection `slots`."""

    def __init__(self, database: Database[Document], policy: BookingPolicy):
        self._slots: Collection[Document] = database[SLOTS]
        self._policy = policy

    def accept(
        self, slot_id: str, *, attempt_id: str, user_id: str, send_number: int, request_id: str
    ) -> SlotDecision:
        # The version stays: it is what the hold was placed at, and the booking is fenced by it.
        # What was accepted in time may be asked for again when the code is over.
        is_right = {
            "$or": [
                is_right_code(send_number, self._policy.max_tries),
                all_of(
                    IS_ACCEPTED,
                    {"$eq": ["$hold.otp.sends", send_number]},
                    {"$lt": ["$hold.otp.tries", self._policy.max_tries]},
                ),
            ]
        }
        accepted = {
            "acceptedAt": {"$ifNull": ["$hold.acceptedAt", "$$NOW"]},
            "acceptedBy": literal(request_id),
        }
        document = self._change(
            slot_id,
            all_of(is_live_hold_of(attempt_id, user_id), is_right),
            {"hold": {"$mergeObjects": ["$hold", accepted]}},
        )
        made = (document.get("hold") or {}).get("acceptedBy") == request_id
        told = decided(document, CONFIRM.event, request_id, attempt_id=attempt_id)
        return replace(told, made=made)

    def confirm(self, saga: Saga, *, request_id: str) -> SlotDecision:
        can, changes = paid_confirmation(
            attempt_id=saga.id,
            user_id=saga.user_id,
            booking_id=saga.booking_id,
            replaces=None,
            request_id=request_id,
            price=saga.price,
        )
        document = self._change(saga.slot_id, can, changes)
        return decided(document, CONFIRM.event, request_id, attempt_id=saga.id)

    def confirm_late(self, saga: Saga, *, version: int, request_id: str) -> SlotDecision:
        changes = booked(
            CONFIRM_LATE,
            attempt_id=saga.id,
            user_id=saga.user_id,
            booking_id=saga.booking_id,
            replaces=None,
            request_id=request_id,
            price=saga.price,
        )
        # A hold that is over ends first: that is a fact, and a version, of its own.
        then = {"$add": ["$version", {"$cond": [HOLD_IS_OVER, 2, 1]}]}
        [fact] = changes["pendingEvents"]["$concatArrays"][1]
        changes["pendingEvents"] = with_fact({**fact, "version": then}, to=with_lapse(request_id))
        changes["version"] = then
        document = self._change(
            saga.slot_id,
            all_of(IS_FREE, {"$gt": ["$startTime", "$$NOW"]}, {"$eq": ["$version", version]}),
            changes,
        )
        return decided(document, CONFIRM.event, request_id, attempt_id=saga.id)

    def _change(
        self, slot_id: str, condition: Expression, changes: Mapping[str, Expression]
    ) -> Document:
        with call():
            return change(self._slots, slot_id, condition, changes)
