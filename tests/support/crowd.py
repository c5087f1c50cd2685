"""A database with as much in it as a busy year leaves: made once a session."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from pymongo.database import Database

from slotkeeper.adapters.mongo.indexes import create_indexes

Document = dict[str, Any]  # Any: BSON

DOCTORS = 250
SLOTS_EACH = 800
SLOTS = DOCTORS * SLOTS_EACH
BOOKINGS = 100_000
PATIENTS = 500
BIG_CLINIC = "clinic-0"
"""Has more doctors than one query merges."""
SLOT = timedelta(minutes=30)
_SLOT_STATUS = ("active", "booked", "active", "reserved", "booked", "blocked", "active", "reserved")
_BOOKING_STATUS = ("confirmed", "completed", "cancelled", "rescheduled", "no_show")
_BATCH = 20_000


def fill(database: Database[Document]) -> None:
    """200,000 slots, half of them in the past, 100,000 bookings, and what belongs to them."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    first = hour - SLOTS_EACH // 2 * SLOT
    _insert(database, "doctors", (_doctor(n) for n in range(20 * DOCTORS)))
    _insert(
        database, "users", ({"_id": f"p-{n}", "phone": f"+1555{n:07}"} for n in range(PATIENTS))
    )
    _insert(
        database, "slots", (_slot(d, n, first) for d in range(DOCTORS) for n in range(SLOTS_EACH))
    )
    _insert(database, "bookings", (_booking(n, first) for n in range(BOOKINGS)))
    _insert(database, "outbox", (_event(n, hour) for n in range(20_000)))
    _insert(database, "audit_logs", (_event(n, hour) for n in range(20_000)))
    create_indexes(database)


def _insert(database: Database[Document], name: str, documents: Iterable[Document]) -> None:
    left = iter(documents)
    while some := list(islice(left, _BATCH)):
        database[name].insert_many(some, ordered=False)


def _doctor(number: int) -> Document:
    # The first have slots, a third of them in one clinic; names are borne by many.
    clinic = 0 if number % 3 == 0 and number < DOCTORS else 1 + number % 97
    return {
        "_id": f"dr-{number}",
        "clinicId": f"clinic-{clinic}",
        "name": f"Dr. {number % 40:02}",
        "specialty": ("cardiology", "dermatology", "general practice")[number % 3],
        "timeZone": "Europe/Berlin",
        "version": 1,
    }


def _user(number: int) -> Document:
    return {"_id": f"p-{number}", "phone": f"+1555{number:07}"}


def _slot(doctor: int, number: int, first: datetime) -> Document:
    start = first + number * SLOT
    status = _SLOT_STATUS[number % 8]
    document = {
        "_id": f"dr-{doctor}_{start:%Y%m%dT%H%MZ}",
        "doctorId": f"dr-{doctor}",
        "date": f"{start:%Y-%m-%d}",
        "startTime": start,
        "endTime": start + SLOT,
        "status": status,
        "version": 1,
    }
    if status == "reserved":
        # One in a hundred is over, the rest run until after the tests.
        over = number % 100 == 3
        ends = datetime.now(UTC) + (timedelta(seconds=-number) if over else timedelta(hours=2))
        document["hold"] = _hold(f"at-{doctor}-{number}", ends)
    return document


def _hold(attempt: str, ends: datetime) -> Document:
    otp = {"channel": None, "sends": 1, "sentAt": ends, "expiresAt": ends, "tries": 0}
    return {
        "attemptId": attempt,
        "userId": "p-0",
        "placedAt": ends - timedelta(minutes=5),
        "expiresAt": ends,
        "version": 1,
        "otp": otp,
    }


def _booking(number: int, first: datetime) -> Document:
    # 400 starts, each borne by 250 bookings, one a doctor: ties as long as they get.
    doctor, start = number % DOCTORS, first + number // DOCTORS * 2 * SLOT
    return {
        "_id": f"bk-{number}",
        "attemptId": f"at-{number}",
        "slotId": f"dr-{doctor}_{start:%Y%m%dT%H%MZ}",
        "doctorId": f"dr-{doctor}",
        "userId": f"p-{number // 3 % PATIENTS}",
        "date": f"{start:%Y-%m-%d}",
        "startTime": start,
        "endTime": start + SLOT,
        "status": _BOOKING_STATUS[number // 1_500 % 5],
        "version": 1,
        "createdAt": first,
        "updatedAt": first,
    }


def _event(number: int, at: datetime) -> Document:
    unsent = {"unsent": True, "leasedUntil": None} if number % 40 == 0 else {"sentAt": at}
    return {
        "_id": f"dr-{number % DOCTORS}_x-{number}",
        "type": "booking.confirmed",
        "aggregateId": f"bk-{number}",
        "slotId": "s",
        "doctorId": f"dr-{number % DOCTORS}",
        "userId": "p-0",
        "attemptId": f"at-{number}",
        "bookingId": f"bk-{number}",
        "from": "reserved",
        "to": "booked",
        "version": number,
        "actor": "p-0",
        "requestId": "r",
        "at": at + timedelta(milliseconds=number),
        **unsent,
    }
