"""One person's data in MongoDB: found by their id, or their attempts', which begin alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from slotkeeper.adapters.mongo import paging
from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import (
    AUDIT_LOGS,
    BOOKINGS,
    DELIVERIES,
    SAGAS,
    SLOTS,
    USERS,
    Document,
    booking_of,
    event_of,
    message_of,
    own_booking_of,
    person_entry,
    saga_of,
    slot_of,
    user_document,
)
from slotkeeper.adapters.mongo.fields import readable
from slotkeeper.adapters.mongo.indexes import (
    EVENTS_SET_ASIDE,
    HOLDS_BY_ATTEMPT,
    PENDING_EVENTS,
    USER_AUDIT,
    USER_BOOKINGS,
)
from slotkeeper.adapters.mongo.transaction import TRANSACTION_SECONDS, in_transaction
from slotkeeper.domain.attempt import attempts_of
from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.errors import AppointmentsAhead
from slotkeeper.domain.slot import Slot, SlotStatus
from slotkeeper.domain.user import User
from slotkeeper.ports.personal import MOST, Count, Message, OwnBooking

if TYPE_CHECKING:
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.domain.payment import Saga
    from slotkeeper.domain.timetable import Asked
    from slotkeeper.ports.pages import Position

_SENT: Document = {"messageId": {"$type": "string"}}
_AT_ONCE = 500


class MongoPersonalData:
    """`PersonalData` on the collections that hold any."""

    def __init__(self, database: Database[Document]):
        self._client = database.client
        self._users = database[USERS]
        self._slots = database[SLOTS]
        self._bookings = database[BOOKINGS]
        self._audit = database[AUDIT_LOGS]
        self._deliveries = database[DELIVERIES]
        self._sagas = database[SAGAS]

    def has_profile(self, user_id: str) -> bool:
        own = [{name: {"$exists": True}} for name in user_document(User(id=user_id))]
        with call():
            return self._users.find_one({"_id": user_id, "$or": own}, {"_id": 1}) is not None

    def coming(self, user_id: str, *, now: datetime) -> Sequence[Booking]:
        with call():
            found = self._bookings.find(_coming(user_id, now)).hint(USER_BOOKINGS).limit(MOST)
            return readable(found, booking_of)

    def erase_profile(self, user_id: str, asked: Asked, *, now: datetime) -> bool:
        own = dict.fromkeys(user_document(User(id=user_id)), "")
        entry = person_entry("user.erased", user_id, asked=asked, at=datetime.now(UTC))

        def write(session: ClientSession) -> bool:
            ahead = self._bookings.find_one(
                _coming(user_id, now), {"_id": 1}, session=session, hint=USER_BOOKINGS
            )
            if ahead is not None:
                raise AppointmentsAhead
            gone = self._users.delete_one(
                {"_id": user_id, "clinicId": {"$exists": False}}, session=session
            ).deleted_count
            gone += self._users.update_one(
                {"_id": user_id}, {"$unset": own}, session=session
            ).modified_count
            self._audit.insert_one(entry, session=session)
            return gone > 0

        with call(TRANSACTION_SECONDS):
            return in_transaction(self._client, write)

    def note_export(self, user_id: str, asked: Asked) -> None:
        entry = person_entry("user.exported", user_id, asked=asked, at=datetime.now(UTC))
        with call():
            self._audit.insert_one(entry)

    def erase_reasons(self, user_id: str) -> int:
        attempts = _attempts(user_id)
        pending = {"pendingEvents": {"$exists": True}, "pendingEvents.attemptId": attempts}
        aside = {"setAsideEvents.at": {"$exists": True}, "setAsideEvents.fact.attemptId": attempts}
        with call():
            # On their way first: what is recorded from now on has none.
            self._slots.update_many(pending, _without_reasons(user_id), hint=PENDING_EVENTS)
            self._slots.update_many(aside, _without_reasons_aside(user_id), hint=EVENTS_SET_ASIDE)
            done = self._bookings.update_many(
                {"userId": user_id}, {"$unset": {"reason": ""}}, hint=USER_BOOKINGS
            )
        return done.modified_count

    def erase_messages(self, user_id: str, *, since: datetime) -> int:
        gone: Document = {"$unset": {"messageId": ""}}
        with call(TRANSACTION_SECONDS):
            count = self._deliveries.update_many({"_id": _attempts(user_id)}, gone).modified_count
            for ids in self._facts(user_id, since):
                count += self._deliveries.update_many({"_id": {"$in": ids}}, gone).modified_count
        return count

    def _facts(self, user_id: str, since: datetime) -> Sequence[list[str]]:
        """Ids of the facts told of the user since then, some at a time."""
        told = {"userId": user_id, "at": {"$gte": since}}
        ids = [row["_id"] for row in self._audit.find(told, {"_id": 1}).hint(USER_AUDIT)]
        return [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]

    def holds(self, user_id: str) -> Sequence[Slot]:
        held = {"status": SlotStatus.RESERVED.value, "hold.attemptId": _attempts(user_id)}
        with call():
            return readable(self._slots.find(held).hint(HOLDS_BY_ATTEMPT).limit(MOST), slot_of)

    def payments(self, user_id: str) -> Sequence[Saga]:
        with call():
            found = self._sagas.find({"_id": _attempts(user_id)}).sort("_id", 1).limit(MOST)
            return readable(found, saga_of)

    def codes(self, user_id: str) -> Sequence[Message]:
        with call():
            found = self._deliveries.find({"_id": _attempts(user_id)}).limit(MOST)
            return readable(found, message_of)

    def notices(self, facts: Sequence[str]) -> Sequence[Message]:
        with call():
            return readable(self._deliveries.find({"_id": {"$in": list(facts)}}), message_of)

    def bookings(self, user_id: str, *, after: Position | None, limit: int) -> Sequence[OwnBooking]:
        with call():
            return paging.page(
                self._bookings,
                _queries({"userId": user_id}, "startTime", after),
                "startTime",
                own_booking_of,
                index=USER_BOOKINGS,
                skip=0,
                limit=limit,
            )

    def history(self, user_id: str, *, after: Position | None, limit: int) -> Sequence[DomainEvent]:
        with call():
            return paging.page(
                self._audit,
                _queries({"userId": user_id}, "at", after),
                "at",
                event_of,
                index=USER_AUDIT,
                skip=0,
                limit=limit,
            )

    def count(self, user_id: str, *, since: datetime) -> Count:
        with call(TRANSACTION_SECONDS):
            reasons = {"userId": user_id, "reason": {"$type": "string"}}
            codes = self._deliveries.count_documents({"_id": _attempts(user_id), **_SENT})
            notices = sum(
                self._deliveries.count_documents({"_id": {"$in": ids}, **_SENT})
                for ids in self._facts(user_id, since)
            )
            return Count(
                profiles=int(self.has_profile(user_id)),
                reasons=self._bookings.count_documents(reasons, hint=USER_BOOKINGS),
                messages=codes + notices,
                holds=len(self.holds(user_id)),
            )


def _coming(user_id: str, now: datetime) -> Document:
    status = BookingStatus.CONFIRMED.value
    return {"userId": user_id, "startTime": {"$gt": now}, "status": status}


def _attempts(user_id: str) -> Document:
    # Letters and digits only: an expression that is a range of the index.
    return {"$regex": f"^{attempts_of(user_id)}"}


def _queries(query: Document, key: str, after: Position | None) -> Sequence[Document]:
    return [query] if after is None else paging.after(query, key, {}, after)


def _without_reasons(user_id: str) -> list[Document]:
    is_theirs = {"$eq": ["$$this.userId", {"$literal": user_id}]}
    return [{"$set": {"pendingEvents": _each("$pendingEvents", is_theirs, {"reason": None})}}]


def _without_reasons_aside(user_id: str) -> list[Document]:
    is_theirs = {"$eq": ["$$this.fact.userId", {"$literal": user_id}]}
    bare = {"fact": {"$mergeObjects": ["$$this.fact", {"reason": None}]}}
    return [{"$set": {"setAsideEvents": _each("$setAsideEvents", is_theirs, bare)}}]


def _each(items: str, condition: Document, changes: Mapping[str, Any]) -> Document:
    """The items of an array, those changed for which the condition holds."""
    changed = {"$mergeObjects": ["$$this", changes]}
    return {"$map": {"input": items, "in": {"$cond": [condition, changed, "$$this"]}}}
