"""Every index, and the query it serves. Created by `create_indexes`, the only writer of schema.

`doctorId` leads on slots and bookings where it can: it is the shard key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

from slotkeeper.adapters.mongo.documents import (
    AUDIT_LOGS,
    AUDIT_SEALS,
    BOOKINGS,
    DELIVERIES,
    DOCTORS,
    OUTBOX,
    QUOTAS,
    SAGAS,
    SCHEDULES,
    SLOTS,
    Document,
)
from slotkeeper.domain.booking import BookingStatus
from slotkeeper.domain.slot import SlotStatus

# Indexes that their queries name (`paging`).
FREE_SLOTS = "listed_slots"
PENDING_EVENTS = "pending_events"
HOLDS_BY_ATTEMPT = "holds_by_attempt"
EVENTS_SET_ASIDE = "events_set_aside"
USER_AUDIT = "by_user"
USER_BOOKINGS = "user_bookings_by_start"
DOCTOR_BOOKINGS = "doctor_bookings_by_start"
BOOKINGS_BY_STATUS = "status_by_start"
ALL_BOOKINGS = "by_start"
BY_RECORDING = "by_recording"
DOCTORS_BY = {
    frozenset[str](): "by_name",
    frozenset({"specialty"}): "by_specialty",
    frozenset({"clinicId"}): "by_clinic",
    frozenset({"clinicId", "specialty"}): "by_clinic_and_specialty",
}
"""By the fields of the filter."""

_DAY = 24 * 60 * 60
_RESERVED: Mapping[str, Any] = {"status": SlotStatus.RESERVED.value}


def _index(name: str, *fields: str, **options: Any) -> IndexModel:  # Any: pymongo's own options
    keys = [(f.lstrip("-"), DESCENDING if f.startswith("-") else ASCENDING) for f in fields]
    return IndexModel(keys, name=name, **options)


INDEXES: Mapping[str, list[IndexModel]] = {
    SLOTS: [
        # A doctor's day (guide, section 3).
        _index("doctor_day", "doctorId", "date", "startTime", "status"),
        # Free slots by start time, their count, and when the next hold ends: judged and told by
        # the index alone, so that no slot is read.
        _index(
            FREE_SLOTS,
            *("doctorId", "status", "startTime", "_id", "date", "hold.expiresAt", "endTime"),
        ),
        # The sweep: holds by their end. As small as the number of live holds.
        _index("holds_by_end", "hold.expiresAt", partialFilterExpression=_RESERVED),
        # An attempt whose slot Redis no longer knows; a person's attempts, whose ids begin alike.
        _index(HOLDS_BY_ATTEMPT, "hold.attemptId", partialFilterExpression=_RESERVED),
        # Facts not yet recorded: empty but for what is happening now.
        _index(
            PENDING_EVENTS,
            "pendingEvents.attemptId",
            partialFilterExpression={"pendingEvents": {"$exists": True}},
        ),
        # What the operator has to look at: none, most of the time.
        _index("set_aside", "setAside.at", sparse=True),
        _index(EVENTS_SET_ASIDE, "setAsideEvents.at", sparse=True),
    ],
    BOOKINGS: [
        # Invariant 1, behind the slot's own decision.
        _index(
            "one_confirmed_per_slot",
            "doctorId",
            "slotId",
            unique=True,
            partialFilterExpression={"status": BookingStatus.CONFIRMED.value},
        ),
        _index("one_per_attempt", "doctorId", "attemptId", unique=True),
        _index("user_bookings", "userId", "-date"),
        _index("doctor_bookings", "doctorId", "startTime", "status"),
        _index("by_status", "status"),
        # GET /bookings: a patient's, a clinic's (merged by doctor), all; with a status or without.
        # The first also serves the patient's bookings that a hold may overlap with.
        _index(USER_BOOKINGS, "userId", "startTime", "_id", "status"),
        _index(DOCTOR_BOOKINGS, "doctorId", "startTime", "_id", "status"),
        _index(ALL_BOOKINGS, "startTime", "_id"),
        _index(BOOKINGS_BY_STATUS, "status", "startTime", "_id"),
    ],
    DOCTORS: [
        # GET /doctors; a clinic's doctors for its staff.
        _index("by_name", "name", "_id"),
        _index("by_specialty", "specialty", "name", "_id"),
        _index("by_clinic", "clinicId", "name", "_id"),
        _index("by_clinic_and_specialty", "clinicId", "specialty", "name", "_id"),
    ],
    SCHEDULES: [
        _index("by_doctor", "doctorId", "at"),
    ],
    OUTBOX: [
        # The relay: oldest first. As small as the backlog.
        _index("unsent", "at", "_id", partialFilterExpression={"unsent": True}),
        # Kept as long as SQS may keep a message, for replay.
        _index("sent_ttl", "sentAt", expireAfterSeconds=14 * _DAY),
        _index("set_aside", "setAside.at", sparse=True),
    ],
    AUDIT_LOGS: [
        _index("by_booking", "bookingId", "at"),
        _index("by_slot", "slotId", "version"),
        # What is told of a person's attempts and bookings, for their export.
        _index(
            USER_AUDIT, "userId", "at", "_id", partialFilterExpression={"userId": {"$exists": True}}
        ),
        # The sealing: entries as they were recorded, those of no stamp first.
        _index(BY_RECORDING, "recordedAt", "at", "_id"),
    ],
    AUDIT_SEALS: [
        # Whether an entry is in a block, and never in two.
        _index("one_block_per_entry", "ids", unique=True),
    ],
    DELIVERIES: [
        # One day longer than SQS may deliver again.
        _index("ttl", "at", expireAfterSeconds=15 * _DAY),
    ],
    SAGAS: [
        # The sweep: those with something left to do. As small as the number of payments under way.
        _index("due", "dueAt", partialFilterExpression={"dueAt": {"$exists": True}}),
        # An operator's look at a booking, a payment.
        _index("by_booking", "bookingId"),
        _index("by_payment", "paymentId", sparse=True),
    ],
    QUOTAS: [
        # Since the last code: a day's count is there until the day is over.
        _index("ttl", "at", expireAfterSeconds=2 * _DAY),
    ],
}


def create_indexes(database: Database[Document]) -> None:
    """Create what is missing; harmless to repeat."""
    for collection, indexes in INDEXES.items():
        database[collection].create_indexes(indexes)
