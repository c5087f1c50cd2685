"""Slots in MongoDB: every change of a slot is one conditional update, judged by `$$NOW`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database

from slotkeeper.adapters.mongo.change import (
    HOLD_IS_OVER,
    IS_FREE,
    IS_SOUND_HOLD,
    LISTED,
    NEXT_VERSION,
    SHOWN,
    Expression,
    after,
    all_of,
    change,
    confirmation,
    decided,
    decision_of,
    from_now,
    guarded,
    is_live_hold_of,
    key_of,
    literal,
    transition,
    with_lapse,
)
from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import (
    FACT_VERSION,
    SLOTS,
    Document,
    free_slot_of,
    slot_of,
)
from slotkeeper.adapters.mongo.fields import noted, readable
from slotkeeper.adapters.mongo.indexes import FREE_SLOTS, PENDING_EVENTS
from slotkeeper.adapters.mongo.paging import filled
from slotkeeper.adapters.mongo.set_aside import NOT_SET_ASIDE, facts_set_aside
from slotkeeper.adapters.mongo.unread import read_facts, set_unsound_aside
from slotkeeper.domain.errors import Corrupted
from slotkeeper.domain.events import SYSTEM, DomainEvent
from slotkeeper.domain.slot import (
    CONFIRM,
    EXPIRE,
    RELEASE,
    FreeSlot,
    Slot,
    SlotStatus,
)
from slotkeeper.ports.pages import MAX_TOTAL, Position
from slotkeeper.readings import note

if TYPE_CHECKING:
    from slotkeeper.domain.policy import BookingPolicy
    from slotkeeper.domain.user import Channel
    from slotkeeper.ports.slots import SlotDecision, SlotFilter

_MOST_OFFSET = timedelta(hours=16)
"""No zone is or was farther from UTC."""
_INDEXED = dict.fromkeys(("doctorId", "status", "startTime", "date", "endTime"), 1)
"""With the id, what the index of free slots tells by itself."""
_LATE_MS = {"$cond": [IS_SOUND_HOLD, {"$subtract": ["$$NOW", "$hold.expiresAt"]}, 0]}
_FOR_US: Document = {**NOT_SET_ASIDE, "pendingEvents.v": {"$not": {"$gt": FACT_VERSION}}}
"""Slots whose facts this code can carry on. One of a later version has others wait with it."""
_REFUSED = "pendingEvents: refused by the database"
_REFUSED_FOR = timedelta(minutes=10)
"""A fact that the database refuses for longer than this is set aside."""


def _seconds_late(due: Sequence[Document]) -> float:
    return float(max((document["late"] for document in due), default=0)) / 1000


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
        replaces: str | None = None,
    ) -> SlotDecision:
        hold = {
            "attemptId": literal(attempt_id),
            "userId": literal(user_id),
            "placedAt": "$$NOW",
            "expiresAt": from_now(self._policy.hold),
            "version": NEXT_VERSION,
            "requestId": literal(request_id),
            "replaces": literal(replaces),
            "otp": {
                "channel": channel.value if channel else None,
                "sends": 1,
                "sentAt": "$$NOW",
                "expiresAt": from_now(min(self._policy.code_lifetime, self._policy.hold)),
                "tries": 0,
            },
        }
        document = self._change(
            slot_id,
            all_of(IS_FREE, {"$gt": ["$startTime", "$$NOW"]}),
            {
                "pendingEvents": with_lapse(request_id),
                "status": SlotStatus.RESERVED,
                "version": NEXT_VERSION,
                "hold": hold,
            },
        )
        decision = decision_of(document, made=False)
        placed = decision.slot.hold and document["hold"].get("requestId") == request_id
        return replace(decision, made=bool(placed))

    def share_hold(self, slot_id: str, *, attempt_id: str) -> bool:
        held = {"status": SlotStatus.RESERVED, "hold.attemptId": attempt_id}
        with call():
            shared = self._slots.update_one(
                {**key_of(slot_id), **held}, {"$set": {"hold.shared": True}}
            )
        return shared.matched_count == 1

    def undo_hold(self, slot_id: str, *, attempt_id: str, request_id: str) -> bool:
        placed = {
            **key_of(slot_id),
            "status": SlotStatus.RESERVED,
            "hold.attemptId": attempt_id,
            "hold.requestId": request_id,
        }
        with call():
            undone = self._slots.update_one(
                {**placed, "hold.shared": {"$ne": True}},
                {
                    "$set": {"status": SlotStatus.ACTIVE.value},
                    "$unset": {"hold": ""},
                    "$inc": {"version": 1},
                },
            )
            return undone.matched_count == 1 or self._slots.find_one(placed, {"_id": 1}) is None

    def find_attempt(self, attempt_id: str) -> SlotDecision | None:
        with call():
            document = self._slots.find_one(
                {
                    "$or": [
                        {"status": SlotStatus.RESERVED, "hold.attemptId": attempt_id},
                        {"pendingEvents": {"$exists": True}, "pendingEvents.attemptId": attempt_id},
                    ]
                },
                SHOWN,
            )
        if document is None:
            return None
        return decided(document, CONFIRM.event, "", attempt_id=attempt_id)

    def count_try(self, slot_id: str, *, attempt_id: str, user_id: str) -> SlotDecision:
        # Counts one past the limit, so that the answer tells the last try from one too many.
        document = self._change(
            slot_id,
            all_of(
                is_live_hold_of(attempt_id, user_id),
                {"$lte": ["$hold.otp.tries", self._policy.max_tries]},
            ),
            _otp({"tries": {"$add": ["$hold.otp.tries", 1]}}),
        )
        decision = decision_of(document, made=True)
        hold = decision.slot.hold
        return replace(decision, made=hold is None or hold.tries <= self._policy.max_tries)

    def count_send(
        self, slot_id: str, *, attempt_id: str, user_id: str, request_key: str
    ) -> SlotDecision:
        policy = self._policy
        document = self._change(
            slot_id,
            all_of(
                is_live_hold_of(attempt_id, user_id),
                {"$lt": ["$hold.otp.tries", policy.max_tries]},
                {"$lt": ["$hold.otp.sends", policy.max_sends]},
                {"$lte": [_next_send(policy.resend_wait), "$$NOW"]},
                {"$ne": [{"$ifNull": ["$hold.otp.requestKey", ""]}, literal(request_key)]},
            ),
            _otp(
                {
                    "sends": {"$add": ["$hold.otp.sends", 1]},
                    "sentAt": "$$NOW",
                    "expiresAt": {"$min": [from_now(policy.code_lifetime), "$hold.expiresAt"]},
                    "requestKey": literal(request_key),
                    "previous": {
                        "sentAt": "$hold.otp.sentAt",
                        "expiresAt": "$hold.otp.expiresAt",
                    },
                }
            ),
        )
        decision = decision_of(document, made=False)
        asked_by = decision.slot.hold and document["hold"]["otp"].get("requestKey")
        return replace(decision, made=asked_by == request_key)

    def undo_send(self, slot_id: str, *, attempt_id: str, sends: int) -> None:
        with call():
            self._slots.update_one(
                {**key_of(slot_id), "hold.attemptId": attempt_id, "hold.otp.sends": sends},
                [
                    {
                        "$set": {
                            "hold.otp.sends": {"$subtract": ["$hold.otp.sends", 1]},
                            "hold.otp.sentAt": "$hold.otp.previous.sentAt",
                            "hold.otp.expiresAt": "$hold.otp.previous.expiresAt",
                            "hold.otp.requestKey": "$$REMOVE",
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
        can, changes = confirmation(
            attempt_id=attempt_id,
            user_id=user_id,
            send_number=send_number,
            booking_id=booking_id,
            request_id=request_id,
            replaces=None,
            max_tries=self._policy.max_tries,
        )
        document = self._change(slot_id, can, changes)
        return decided(document, CONFIRM.event, request_id, attempt_id=attempt_id)

    def release(
        self, slot_id: str, *, attempt_id: str, user_id: str, request_id: str, actor: str
    ) -> SlotDecision:
        document = self._change(
            slot_id,
            is_live_hold_of(attempt_id, user_id),
            transition(RELEASE, actor=actor, request_id=request_id),
        )
        return decided(document, RELEASE.event, request_id, attempt_id=attempt_id)

    def expire_due(self, *, limit: int, request_id: str) -> int:
        is_over = {"$expr": {"$lte": ["$hold.expiresAt", "$$NOW"]}}
        with call():
            due = list(
                self._slots.find(
                    {"status": SlotStatus.RESERVED, **is_over, **NOT_SET_ASIDE},
                    {"isSound": IS_SOUND_HOLD, "late": _LATE_MS},
                )
                .sort("hold.expiresAt", 1)
                .limit(limit)
            )
            note("sweep_lag_seconds", _seconds_late(due))
            sound = [document["_id"] for document in due if document["isSound"]]
            if sound:
                changes = transition(EXPIRE, actor=SYSTEM, request_id=request_id)
                self._slots.update_many(
                    {"_id": {"$in": sound}, "status": SlotStatus.RESERVED},
                    guarded(HOLD_IS_OVER, changes),
                )
            unsound = [document["_id"] for document in due if not document["isSound"]]
            set_unsound_aside(self._slots, unsound)
        return len(due)

    def unrecorded(self, *, limit: int) -> Sequence[tuple[Slot, DomainEvent]]:
        pending = {"pendingEvents": {"$exists": True}, **_FOR_US}
        with call():
            documents = list(self._slots.find(pending, SHOWN).hint(PENDING_EVENTS).limit(limit))
            return [told for document in documents for told in read_facts(self._slots, document)]

    def set_refused_aside(self, facts: Sequence[DomainEvent]) -> None:
        with call():
            for fact in facts:
                is_it = all_of(
                    {"$eq": ["$$this.version", fact.version]},
                    {"$lte": ["$$this.at", after("$$NOW", -_REFUSED_FOR)]},
                )
                done = self._slots.update_one(
                    key_of(fact.slot_id), facts_set_aside(is_it, _REFUSED)
                )
                if done.modified_count:
                    noted(Corrupted(SLOTS, fact.slot_id, _REFUSED))

    def mark_recorded(self, facts: Sequence[DomainEvent]) -> None:
        recorded: dict[str, list[int]] = {}
        for fact in facts:
            recorded.setdefault(fact.slot_id, []).append(fact.version)
        with call():
            self._slots.bulk_write(
                [
                    UpdateOne(key_of(slot_id), _without_pending(versions))
                    for slot_id, versions in recorded.items()
                ],
                ordered=False,
            )

    def find(self, slot_ids: Sequence[str]) -> Sequence[Slot]:
        keys = [key_of(slot_id) for slot_id in slot_ids]
        with call():
            return readable(self._slots.find({"$or": keys}, LISTED), slot_of)

    def free_slots(
        self, wanted: SlotFilter, *, now: datetime, after: Position | None, skip: int, limit: int
    ) -> Sequence[FreeSlot]:
        free = _free(wanted, now, after)
        order = [("startTime", 1), ("_id", 1)]
        with call():
            return filled(
                lambda: self._slots.find(free, _INDEXED).sort(order).hint(FREE_SLOTS),
                self._free_of,
                skip=skip,
                limit=limit,
            )

    def count_free(self, wanted: SlotFilter, *, now: datetime) -> int:
        with call():
            return self._slots.count_documents(
                _free(wanted, now, None), limit=MAX_TOTAL, hint=FREE_SLOTS
            )

    def first_release(self, wanted: SlotFilter, *, now: datetime) -> datetime | None:
        pipeline: list[Document] = [
            {"$match": _held(wanted, now)},
            {"$group": {"_id": None, "until": {"$min": "$hold.expiresAt"}}},
        ]
        with call():
            for row in self._slots.aggregate(pipeline, hint=FREE_SLOTS):
                until: datetime = row["until"]
                return until
        return None

    def _free_of(self, rows: Sequence[Document]) -> list[FreeSlot]:
        """What an index's rows tell. Those whose hold is over are read: it may not be sound."""
        reserved = (row["_id"] for row in rows if row["status"] == SlotStatus.RESERVED)
        lapsed = [id_ for id_ in reserved if isinstance(id_, str)]
        sound = {slot.id for slot in self.find(lapsed)} if lapsed else set()
        unsound = [id_ for id_ in lapsed if id_ not in sound]
        return readable((row for row in rows if row["_id"] not in unsound), free_slot_of)

    def _change(
        self, slot_id: str, condition: Expression, changes: Mapping[str, Expression]
    ) -> Document:
        with call():
            return change(self._slots, slot_id, condition, changes)


def _next_send(first_wait: timedelta) -> Expression:
    """`BookingPolicy.wait_after` the codes that were sent, as the database counts it."""
    doubled = {"$pow": [2, {"$subtract": ["$hold.otp.sends", 1]}]}
    wait = {"$multiply": [round(first_wait.total_seconds() * 1000), doubled]}
    return {"$add": ["$hold.otp.sentAt", wait]}


def _otp(changes: Mapping[str, Expression]) -> dict[str, Expression]:
    # The hold is set as a whole: a path into a hold that is not there would make an empty one.
    otp = {"$mergeObjects": ["$hold.otp", changes]}
    return {"hold": {"$mergeObjects": ["$hold", {"otp": otp}]}}


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


def _free(wanted: SlotFilter, now: datetime, after: Position | None) -> Document:
    """Slots that could be held at `now`: active ones, and reserved ones whose hold is over."""
    conditions: list[Document] = [
        {
            "doctorId": wanted.doctor_id,
            "status": {"$in": [SlotStatus.ACTIVE.value, SlotStatus.RESERVED.value]},
            "startTime": _starts(wanted, now, after),
            # An active slot has no hold, which counts as one that is over.
            "hold.expiresAt": {"$not": {"$gt": now}},
        }
    ]
    if wanted.date is not None:
        conditions.append({"date": wanted.date})
    if after is not None:
        # Of one doctor no two slots start at once, or next to none: this reads through no list.
        seen = {"startTime": after.key, "_id": {"$lte": after.id}}
        conditions.append({"$nor": [seen]})
    return {"$and": conditions}


def _held(wanted: SlotFilter, now: datetime) -> Document:
    """Slots that are wanted and held at `now`."""
    date = {} if wanted.date is None else {"date": wanted.date}
    return {
        "doctorId": wanted.doctor_id,
        "status": SlotStatus.RESERVED.value,
        "startTime": _starts(wanted, now, None),
        "hold.expiresAt": {"$gt": now},
        **date,
    }


def _starts(wanted: SlotFilter, now: datetime, after: Position | None) -> Document:
    """One bound at each end: of two on the same field an index uses but one."""
    earliest = [("$gt", now), ("$gte", wanted.start)]
    latest = [wanted.end]
    if after is not None:
        assert isinstance(after.key, datetime)
        earliest.append(("$gte", after.key))
    if wanted.date is not None:
        begins, ends = _anywhere(wanted.date)
        earliest.append(("$gte", begins))
        latest.append(ends)
    known = [(operator, bound) for operator, bound in earliest if bound is not None]
    operator, bound = max(known, key=lambda known: known[1])
    ends_at = [end for end in latest if end is not None]
    return {operator: bound, **({"$lt": min(ends_at)} if ends_at else {})}


def _anywhere(date: str) -> tuple[datetime | None, datetime | None]:
    """The instants between which it is that date anywhere on earth; None where time itself ends."""
    midnight = datetime.fromisoformat(date).replace(tzinfo=UTC)
    try:
        return midnight - _MOST_OFFSET, midnight + timedelta(days=1) + _MOST_OFFSET
    except OverflowError:
        return None, None
