"""Conditional changes of one slot document, and the expressions they are made of.

A change is an aggregation pipeline (MongoDB 5.0+): it writes only where its condition holds and
answers the slot and the database's time either way, so that one round trip both decides and tells
why not. What it means for others is kept in the slot itself (`pendingEvents`) until the ledger has
it (ADR 0002).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from slotkeeper.adapters.mongo.documents import (
    FACT_VERSION,
    SLOTS,
    Document,
    pending_event_of,
    price_document,
    slot_of,
)
from slotkeeper.adapters.mongo.fields import Fields, noted, readable
from slotkeeper.domain.errors import NotFound
from slotkeeper.domain.events import SYSTEM, DomainEvent
from slotkeeper.domain.slot import CONFIRM, EXPIRE, SlotStatus, Transition, doctor_of
from slotkeeper.ports.slots import SlotDecision

if TYPE_CHECKING:
    from slotkeeper.domain.payment import Price

Expression = Any  # Any: an aggregation expression is nested dicts, lists and scalars

LISTED = dict.fromkeys(
    ("doctorId", "date", "startTime", "endTime", "status", "version", "hold", "bookingId"), 1
)
SHOWN = {**LISTED, "pendingEvents": 1, "now": "$$NOW"}


def is_of(kind: str, *names: str) -> list[Expression]:
    """Conditions: each of these fields is of that BSON type."""
    return [{"$eq": [{"$type": f"${name}"}, kind]} for name in names]


IS_WRITABLE = {
    "$and": [
        {"$isNumber": "$version"},
        {"$in": [{"$type": "$pendingEvents"}, ["missing", "null", "array"]]},
    ]
}
"""The next change can be made of the slot: its version counted up, a fact added."""
IS_SOUND_HOLD = {
    "$and": [
        IS_WRITABLE,
        *is_of("date", "hold.expiresAt"),
        *is_of("string", "hold.attemptId", "hold.userId"),
    ]
}
"""When it ends, and whose it is, can be told. What is missing would compare as long over."""
IS_RESERVED = {"$eq": ["$status", SlotStatus.RESERVED]}
HOLD_IS_OVER = {"$and": [IS_RESERVED, IS_SOUND_HOLD, {"$lte": ["$hold.expiresAt", "$$NOW"]}]}
IS_ACCEPTED = {"$ne": [{"$type": "$hold.acceptedAt"}, "missing"]}
"""The code was right and in time; its payment is under way (ADR 0005)."""
IS_FREE = {"$or": [{"$eq": ["$status", SlotStatus.ACTIVE]}, HOLD_IS_OVER]}
NEXT_VERSION = {"$add": ["$version", 1]}


def change(
    slots: Collection[Document],
    slot_id: str,
    condition: Expression,
    changes: Mapping[str, Expression],
    session: ClientSession | None = None,
) -> Document:
    """Make `changes` if `condition` holds; the document after that. Raises NotFound."""
    key = key_of(slot_id)
    document = slots.find_one_and_update(
        key,
        guarded(condition, changes),
        projection=SHOWN,
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    if document is not None and "now" not in document:
        # A write that the driver had to repeat answers the image the server kept of it, which no
        # projection has touched.
        document |= slots.find_one(key, {"now": "$$NOW"}, session=session) or {}
    if document is None:
        raise NotFound
    return document


def key_of(slot_id: str) -> Document:
    # The doctor is the shard key: with it the statement goes to one shard.
    return {"_id": slot_id, "doctorId": doctor_of(slot_id)}


def guarded(condition: Expression, changes: Mapping[str, Expression]) -> list[Document]:
    """A pipeline that makes `changes` where `condition` holds and else leaves the document alone.

    All of one `$set` sees the document as it was before it, so no change hides another's input.
    A document that cannot be changed so is left alone, rather than failing those changed with it.
    """
    return [
        {"$set": {"decided": all_of(IS_WRITABLE, condition)}},
        {
            "$set": {
                name: {"$cond": ["$decided", value, f"${name}"]} for name, value in changes.items()
            }
        },
        {"$unset": "decided"},
    ]


def transition(how: Transition, *, actor: str, request_id: str) -> dict[str, Expression]:
    """A status change by name: next version, no hold, and the fact to be recorded."""
    return {
        "status": how.target,
        "version": NEXT_VERSION,
        "hold": "$$REMOVE",
        "pendingEvents": with_fact(hold_fact(how, actor=actor, request_id=request_id)),
    }


def hold_fact(how: Transition, *, actor: str, request_id: str) -> dict[str, Expression]:
    """What happened to the attempt that holds the slot."""
    return {
        "type": how.event,
        "attemptId": "$hold.attemptId",
        "userId": "$hold.userId",
        "bookingId": None,
        "from": how.source,
        "to": how.target,
        "actor": literal(actor),
        "requestId": literal(request_id),
    }


def with_fact(fact: Mapping[str, Expression], *, to: Expression = "$pendingEvents") -> Expression:
    """The slot's facts and one more, of the version that the change makes unless it names one."""
    told = {"version": NEXT_VERSION, "at": "$$NOW", **fact}
    return {"$concatArrays": [{"$ifNull": [to, []]}, [told]]}


def with_lapse(request_id: str) -> Expression:
    """The slot's facts, with the end of its hold where that is over."""
    lapsed = with_fact(hold_fact(EXPIRE, actor=SYSTEM, request_id=request_id))
    return {"$cond": [HOLD_IS_OVER, lapsed, "$pendingEvents"]}


def decision_of(document: Document, *, made: bool) -> SlotDecision:
    """The slot after an attempt to change it that tells no fact."""
    return SlotDecision(
        slot=slot_of(document), now=document["now"], made=made, facts=facts_of(document)
    )


def decided(document: Document, event: str, request_id: str, /, **of: str) -> SlotDecision:
    """The decision by the newest fact that tells `event` of the attempt, booking or request.

    An attempt that was released and, with Redis lost, began again may be released a second time.
    """
    told = facts_of(document)
    found = next(
        (
            fact
            for fact in reversed(told)
            if fact.type == event and all(getattr(fact, k) == v for k, v in of.items())
        ),
        None,
    )
    made = found is not None and found.request_id == request_id
    return SlotDecision(
        slot=slot_of(document), now=document["now"], made=made, event=found, facts=told
    )


def facts_of(document: Document) -> tuple[DomainEvent, ...]:
    """Facts that the slot keeps until they are recorded, oldest first, as far as we can read them.

    Those of a later version are for code that knows it.
    """
    pending = document.get("pendingEvents") or []
    if not isinstance(pending, list):
        noted(Fields(SLOTS, document).wrong("pendingEvents", "not a list"))
        return ()
    ours = [fact for fact in pending if not is_of_later_version(fact)]
    return tuple(readable(ours, lambda fact: pending_event_of(document, fact)))


def is_of_later_version(fact: Any) -> bool:
    version = fact.get("v") if isinstance(fact, dict) else None
    return isinstance(version, int | float) and version > FACT_VERSION


def all_of(*conditions: Expression) -> Expression:
    return {"$and": list(conditions)}


def literal(value: str | Document | None) -> Expression:
    # A caller's string that begins with `$` must not be read as a field.
    return {"$literal": value}


def from_now(duration: timedelta) -> Expression:
    return after("$$NOW", duration)


def after(instant: str, duration: timedelta) -> Expression:
    return {"$add": [instant, round(duration.total_seconds() * 1000)]}


def is_live_hold_of(attempt_id: str, user_id: str) -> Expression:
    """The hold is this attempt's, runs, and nothing changed the slot since it was placed.

    `version` is the fencing token: the storage itself refuses whoever comes with an old one.
    """
    return all_of(
        IS_RESERVED,
        {"$eq": ["$hold.attemptId", literal(attempt_id)]},
        {"$eq": ["$hold.userId", literal(user_id)]},
        {"$eq": ["$hold.version", "$version"]},
        *is_of("date", "hold.expiresAt", "hold.otp.expiresAt"),
        {"$gt": ["$hold.expiresAt", "$$NOW"]},
        # What is not there would compare as less than any limit.
        {"$isNumber": "$hold.otp.tries"},
        {"$isNumber": "$hold.otp.sends"},
    )


def confirmation(
    *,
    attempt_id: str,
    user_id: str,
    send_number: int,
    booking_id: str,
    replaces: str | None,
    request_id: str,
    max_tries: int,
) -> tuple[Expression, dict[str, Expression]]:
    """When a hold becomes a booking, and what changes then; `replaces` as the hold was placed.

    Not a hold whose code was accepted for payment: that one is booked paid, or not at all.
    """
    condition = all_of(
        is_live_hold_of(attempt_id, user_id),
        _replaces(replaces),
        is_right_code(send_number, max_tries),
        {"$not": [IS_ACCEPTED]},
    )
    return condition, booked(
        CONFIRM,
        attempt_id=attempt_id,
        user_id=user_id,
        booking_id=booking_id,
        replaces=replaces,
        request_id=request_id,
    )


def paid_confirmation(
    *,
    attempt_id: str,
    user_id: str,
    booking_id: str,
    replaces: str | None,
    request_id: str,
    price: Price,
) -> tuple[Expression, dict[str, Expression]]:
    """The same of a hold whose code was accepted and whose payment is authorised."""
    condition = all_of(is_live_hold_of(attempt_id, user_id), _replaces(replaces), IS_ACCEPTED)
    return condition, booked(
        CONFIRM,
        attempt_id=attempt_id,
        user_id=user_id,
        booking_id=booking_id,
        replaces=replaces,
        request_id=request_id,
        price=price,
    )


def is_right_code(send_number: int, max_tries: int) -> Expression:
    """The hold's newest code, while it lives and tries are left."""
    return all_of(
        {"$eq": ["$hold.otp.sends", send_number]},
        {"$lt": ["$hold.otp.tries", max_tries]},
        {"$gt": ["$hold.otp.expiresAt", "$$NOW"]},
    )


def _replaces(booking_id: str | None) -> Expression:
    return {"$eq": [{"$ifNull": ["$hold.replaces", None]}, literal(booking_id)]}


def booked(
    how: Transition,
    *,
    attempt_id: str,
    user_id: str,
    booking_id: str,
    replaces: str | None,
    request_id: str,
    price: Price | None = None,
) -> dict[str, Expression]:
    """What changes in a slot that is booked by the attempt."""
    fact = {
        **hold_fact(how, actor=user_id, request_id=request_id),
        "attemptId": literal(attempt_id),
        "userId": literal(user_id),
        "bookingId": literal(booking_id),
        "replaces": literal(replaces),
    }
    if price is not None:
        fact["payment"] = literal(price_document(price))
    return {
        **transition(how, actor=user_id, request_id=request_id),
        "bookingId": literal(booking_id),
        "pendingEvents": with_fact(fact),
    }
