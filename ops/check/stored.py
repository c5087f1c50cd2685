"""Stored documents, and what they say where they can be read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from ops.check import shapes
from ops.check.rules import (
    CODE_STORED,
    MALFORMED_DOCUMENT,
    SET_ASIDE,
    UNKNOWN_SAGA_STATE,
    UNKNOWN_STATUS,
)
from ops.violation import Violation
from slotkeeper.adapters.mongo.documents import (
    AUDIT_LOGS,
    BOOKINGS,
    DELIVERIES,
    OUTBOX,
    SAGAS,
    SLOTS,
    Document,
    booking_of,
    event_of,
    pending_event_of,
    saga_of,
    slot_of,
)
from slotkeeper.domain.booking import Booking
from slotkeeper.domain.errors import AppointmentError
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.payment import Saga
from slotkeeper.domain.slot import Slot

T = TypeVar("T")

_INVARIANT = {OUTBOX: 6, AUDIT_LOGS: 6, DELIVERIES: 6, SAGAS: 9}
_STATUS = {"status": UNKNOWN_STATUS, "state": UNKNOWN_SAGA_STATE}
_SHOWN = (
    *("status", "state", "type", "version", "from", "to"),
    *("doctorId", "slotId", "bookingId", "attemptId", "replaces", "replacedBy"),
    *("startTime", "endTime", "createdAt", "updatedAt", "at", "sentAt", "unsent"),
)
_PLAIN = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")
_NUMBER = re.compile(r"\d{6,}")
_ASIDE = frozenset({shapes.SET_ASIDE, shapes.FACTS_SET_ASIDE})
_CODES = frozenset({"code", "seed", "otp"})


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """A document; `says` is None where it cannot be read, `faults` name the fields that forbid it.

    A rule that needs what cannot be read is not judged: the document itself is the violation.
    """

    collection: str
    document: Document
    says: T | None
    faults: tuple[str, ...] = ()

    @property
    def shown(self) -> Document:
        return shown(self.collection, self.document)


@dataclass(frozen=True, slots=True)
class SlotSeen:
    """A slot with what only the adapters know of it."""

    slot: Slot
    fence: int | None
    """The version its hold was placed at."""
    pending: tuple[DomainEvent, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification on its way, or, where `is_turn`, a booking's turn to be told of."""

    begun_at: datetime
    is_sent: bool
    is_turn: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A fact in the audit log or the outbox."""

    fact: DomainEvent
    is_unsent: bool = field(default=False)


def slot_stored(document: Document) -> Stored[SlotSeen]:
    return _stored(SLOTS, document, _slot_seen)


def booking_stored(document: Document) -> Stored[Booking]:
    return _stored(BOOKINGS, document, booking_of)


def audit_stored(document: Document) -> Stored[Told]:
    return _stored(AUDIT_LOGS, document, lambda entry: Told(event_of(entry)))


def event_stored(document: Document) -> Stored[Told]:
    return _stored(OUTBOX, document, lambda row: Told(event_of(row), "unsent" in row))


def saga_stored(document: Document) -> Stored[Saga]:
    return _stored(SAGAS, document, saga_of)


def delivery_stored(document: Document) -> Stored[Delivery]:
    return _stored(DELIVERIES, document, _delivery)


def unfit(stored: Stored[Any]) -> Iterator[Violation]:  # Any: whatever it says
    """That the document is malformed, of no known status, or keeps a code."""
    document, faults = stored.document, list(stored.faults)
    about = id_text(document.get("_id"))
    for name, rule in _STATUS.items():
        if name in faults and isinstance(document.get(name), str):
            faults.remove(name)
            yield rule.broken(about, stored.shown)
    if faults:
        told = {**stored.shown, "fields": faults}
        yield MALFORMED_DOCUMENT.broken(
            about, told, invariant=_INVARIANT.get(stored.collection, MALFORMED_DOCUMENT.invariant)
        )
    if stored.document.keys() & _ASIDE:
        yield SET_ASIDE.broken(about, stored.shown)
    kept = sorted(_codes_in(stored.collection, document))
    if kept:
        yield CODE_STORED.broken(about, {**stored.shown, "fields": kept})


def shown(collection: str, document: Mapping[str, Any]) -> Document:
    """What finds and explains a document, and tells nothing of a person."""
    told = {name: _shown(document[name]) for name in _SHOWN if name in document}
    return {"collection": collection, "_id": id_text(document.get("_id")), **told}


def id_text(value: object) -> str:
    """An id as it may be printed: one that is not made as ours are might be an address."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and not _NUMBER.fullmatch(value):
        return value
    return f"({type(value).__name__})"


def _shown(value: object) -> object:
    if value is None or isinstance(value, datetime | bool):
        return value
    if isinstance(value, int) and abs(value) < 1_000_000:
        return value
    return id_text(value)


def _stored(collection: str, document: Document, read: Callable[[Document], T]) -> Stored[T]:
    faults = shapes.FAULTS[collection](document)
    if not faults:
        try:
            return Stored(collection, document, read(document))
        except (AppointmentError, LookupError, TypeError, ValueError):
            # The system itself cannot read it, whatever we think of it.
            faults = ["(unreadable)"]
    return Stored(collection, document, None, tuple(faults))


def _delivery(row: Document) -> Delivery:
    return Delivery(row["at"], is_sent=bool(row.get("sentAt")), is_turn="told" in row)


def _slot_seen(document: Document) -> SlotSeen:
    hold = document.get("hold")
    pending = document.get("pendingEvents") or ()
    return SlotSeen(
        slot_of(document),
        hold["version"] if hold else None,
        tuple(pending_event_of(document, one) for one in pending),
    )


def _codes_in(collection: str, document: Document) -> set[str]:
    found = set(_CODES & document.keys())
    if collection == SLOTS:
        hold = document.get("hold")
        if isinstance(hold, Mapping):
            # The hold has an `otp`: when a code was sent, and how often one was tried.
            found |= {f"hold.{name}" for name in (_CODES - {"otp"}) & hold.keys()}
            otp = hold.get("otp")
            if isinstance(otp, Mapping):
                found |= {f"hold.otp.{name}" for name in _CODES & otp.keys()}
        pending = document.get("pendingEvents")
        for one in pending if isinstance(pending, list) else ():
            if isinstance(one, Mapping):
                found |= {f"pendingEvents.{name}" for name in _CODES & one.keys()}
    return found
