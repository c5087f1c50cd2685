"""Slotkeeper with one mistake each, of the kind that somebody might make one day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slotkeeper.adapters.mongo.booked_slots import MongoBookedSlots
from slotkeeper.adapters.mongo.change import change, confirmation, decided
from slotkeeper.adapters.mongo.deliveries import MongoDeliveries
from slotkeeper.adapters.mongo.documents import OUTBOX, QUOTAS, SLOTS
from slotkeeper.adapters.mongo.slots import MongoSlots
from slotkeeper.domain.slot import CONFIRM
from slotkeeper.ports.holds import Admission, HoldTicket
from slotkeeper.ports.slots import SlotDecision
from slotkeeper.services.relay_outbox import Relayed
from tests.support.house import House


def without(expression: Any, part: Any) -> Any:
    """The same condition, `part` not asked for."""
    match expression:
        case list():
            return [without(one, part) for one in expression if one != part]
        case dict():
            return {name: without(one, part) for name, one in expression.items()}
        case _:
            return expression


class _ConfirmsLate(MongoSlots):
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
        can, changes = confirmation(
            attempt_id=attempt_id,
            user_id=user_id,
            send_number=send_number,
            booking_id=booking_id,
            request_id=request_id,
            replaces=None,
            max_tries=self._policy.max_tries,
        )
        for end in ("$hold.expiresAt", "$hold.otp.expiresAt"):
            can = without(can, {"$gt": [end, "$$NOW"]})
        document = change(self._slots, slot_id, can, changes)
        return decided(document, CONFIRM.event, request_id, attempt_id=attempt_id)


@dataclass
class ConfirmsWithoutLookingAtTheEnd(House):
    """Trusts that Redis forgets a code in time."""

    def __post_init__(self) -> None:
        self.slots = _ConfirmsLate(self.database, self.policy)


class ReleasesForAnybody(House):
    def release(self, attempt: str, user_id: str) -> None:
        found = self.slots.find_attempt(attempt)
        hold = found.slot.hold if found else None
        super().release(attempt, hold.user_id if hold else user_id)


class _KeepsTheSlot(MongoBookedSlots):
    def _change(
        self, slot_id: str, condition: Any, changes: Mapping[str, Any], session: Any
    ) -> dict[str, Any]:
        kept = {k: v for k, v in changes.items() if k not in {"status", "bookingId"}}
        # What confirms a hold passes here too and is left alone.
        return super()._change(slot_id, condition, changes if "hold" in changes else kept, session)


@dataclass
class CancelsAndForgetsTheSlot(House):
    def __post_init__(self) -> None:
        self.booked_slots = _KeepsTheSlot(self.database, self.policy)


class _TellsAgain(MongoDeliveries):
    def claim(self, key: str) -> bool:
        super().claim(key)
        return True


@dataclass
class DeliversTwice(House):
    def __post_init__(self) -> None:
        self.deliveries = _TellsAgain(self.database)


class GivesTriesBackWithRedis(House):
    """As if tries were counted in Redis alone."""

    def lose_redis(self) -> None:
        super().lose_redis()
        held = {"hold": {"$exists": True}}
        self.database[SLOTS].update_many(held, {"$set": {"hold.otp.tries": 0}})


class ForgetsWrongCodesWithRedis(House):
    """As if a patient's wrong codes were counted in Redis alone."""

    def lose_redis(self) -> None:
        super().lose_redis()
        self.database[QUOTAS].delete_many({"inARow": {"$exists": True}})


@dataclass
class _Leaky:
    """A gate that gives nothing back of a request that was refused."""

    gate: Any

    def withdraw(self, ticket: HoldTicket, admission: Admission, **_: bool) -> None: ...

    def __getattr__(self, name: str) -> Any:
        return getattr(self.gate, name)


@dataclass
class KeepsWhatARefusedRequestTook(House):
    def __post_init__(self) -> None:
        self.gate = _Leaky(self.gate)  # type: ignore[assignment]  # a gate in all but name


class MarksBeforeItSends(House):
    """A relay that loses what the queue does not take."""

    def relay(self) -> Relayed:
        if self.queue.is_down:
            unsent = {"unsent": True}
            self.database[OUTBOX].update_many(
                unsent, [{"$set": {"sentAt": "$$NOW"}}, {"$unset": ["unsent"]}]
            )
        return super().relay()


class _SweepsEverything(MongoSlots):
    def expire_due(self, *, limit: int, request_id: str) -> int:
        for slot in self._slots.find({"status": "reserved"}, {"doctorId": 1, "hold": 1}):
            self.release(
                slot["_id"],
                attempt_id=slot["hold"]["attemptId"],
                user_id=slot["hold"]["userId"],
                request_id=request_id,
                actor=slot["hold"]["userId"],
            )
        return super().expire_due(limit=limit, request_id=request_id)


@dataclass
class SweepsLiveHolds(House):
    def __post_init__(self) -> None:
        self.slots = _SweepsEverything(self.database, self.policy)


PLANTED = (
    ConfirmsWithoutLookingAtTheEnd,
    ReleasesForAnybody,
    CancelsAndForgetsTheSlot,
    DeliversTwice,
    GivesTriesBackWithRedis,
    ForgetsWrongCodesWithRedis,
    KeepsWhatARefusedRequestTook,
    MarksBeforeItSends,
    SweepsLiveHolds,
)
