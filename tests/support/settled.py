"""A database of any size, in order: slots, their bookings, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from pymongo.database import Database

from slotkeeper.adapters.mongo.documents import (
    AUDIT_LOGS,
    BOOKINGS,
    OUTBOX,
    SLOTS,
    Document,
    audit_document,
    booking_document,
    outbox_document,
    slot_document,
)
from slotkeeper.domain.attempt import attempt_id, booking_id
from slotkeeper.domain.booking import booking_of
from slotkeeper.domain.events import DomainEvent, event_id
from slotkeeper.domain.slot import CONFIRM, Slot, SlotStatus, slot_id

_BATCH = 5_000
_EACH = 1_000
"""Slots of a doctor."""


def fill(database: Database[Document], bookings: int) -> None:
    """So many slots, all of them booked, confirmed yesterday and told."""
    made = _made(bookings)
    while some := list(islice(made, _BATCH)):
        for collection in (SLOTS, BOOKINGS, AUDIT_LOGS, OUTBOX):
            rows = [documents[collection] for documents in some]
            database[collection].insert_many(rows, ordered=False)


def _made(count: int) -> Iterator[dict[str, dict[str, Any]]]:  # Any: BSON
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for number in range(count):
        start = hour + timedelta(hours=1 + number % _EACH)
        yield _booked(f"dr-{number // _EACH:05}", f"p-{number % 5_000}", start, hour)


def _booked(doctor: str, user: str, start: datetime, now: datetime) -> dict[str, dict[str, Any]]:
    slot = Slot(
        id=slot_id(doctor, start),
        doctor_id=doctor,
        date=start.date().isoformat(),
        start_time=start,
        end_time=start + timedelta(minutes=30),
        status=SlotStatus.BOOKED,
        version=3,
    )
    attempt = attempt_id(user, "key", slot.id)
    fact = DomainEvent(
        id=event_id(slot.id, 3),
        type=CONFIRM.event,
        aggregate_id=booking_id(attempt),
        slot_id=slot.id,
        doctor_id=doctor,
        user_id=user,
        attempt_id=attempt,
        booking_id=booking_id(attempt),
        from_status=CONFIRM.source,
        to_status=CONFIRM.target,
        version=3,
        actor=user,
        request_id="r",
        at=now - timedelta(days=1),
    )
    event = outbox_document(fact)
    del event["unsent"], event["leasedUntil"]
    return {
        SLOTS: {**slot_document(slot), "bookingId": fact.booking_id},
        BOOKINGS: booking_document(booking_of(slot, fact)),
        AUDIT_LOGS: audit_document(fact),
        OUTBOX: {**event, "sentAt": fact.at},
    }
