"""Databases of several sizes, filled with what the product writes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import timeout
from pymongo.database import Database

from bench.ground import LENGTH, a_doctor, a_slot
from slotkeeper.adapters.mongo.documents import BOOKINGS, DOCTORS, SLOTS, USERS, booking_document
from slotkeeper.adapters.mongo.indexes import create_indexes
from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.slot import slot_id

A_DOCTORS = 1_440
"""Slots, and bookings: two months of a doctor's."""
A_CLINICS = 10
"""Doctors."""
A_PATIENTS = 20
"""Bookings."""
BATCH = 10_000
FILLING_SECONDS = 1_800
"""A batch may wait for a disk that is behind; a request's three seconds are not for that."""


def fill(database: Database[dict[str, Any]], *, name: str, count: int) -> None:
    """`count` free slots to come and as many bookings that were; doctors and patients of theirs.

    Ids begin with `name`: what is cached of one database is nobody's of another.
    """
    with timeout(FILLING_SECONDS):
        _fill(database, name, count)


def _fill(database: Database[dict[str, Any]], name: str, count: int) -> None:
    create_indexes(database)
    doctors = doctors_of(name, count)
    database[DOCTORS].insert_many(
        {**a_doctor(doctor), "clinicId": f"{name}-clinic-{n // A_CLINICS}"}
        for n, doctor in enumerate(doctors)
    )
    patients = (patient(name, n) for n in range(count // A_PATIENTS))
    database[USERS].insert_many(
        {"_id": one, "phone": "+15550123", "phoneKey": "k", "email": "p@example.com"}
        for one in patients
    )
    _insert(database, SLOTS, slots(doctors, count))
    _insert(database, BOOKINGS, bookings(doctors, name, count))


def doctors_of(name: str, count: int) -> list[str]:
    return [f"{name}-{n}" for n in range(math.ceil(count / A_DOCTORS))]


def patient(name: str, number: int) -> str:
    return f"{name}-patient-{number}"


def a_booking(name: str, number: int) -> str:
    return f"bk_{name}_{number}"


def slots(doctors: list[str], count: int) -> Iterator[dict[str, Any]]:
    first = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=3)
    every = ((doctor, first + n * LENGTH) for doctor in doctors for n in range(A_DOCTORS))
    return (a_slot(doctor, start) for doctor, start in itertools.islice(every, count))


def bookings(doctors: list[str], name: str, count: int) -> Iterator[dict[str, Any]]:
    first = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=90)
    patients = max(1, count // A_PATIENTS)
    for n in range(count):
        doctor, start = doctors[n // A_DOCTORS], first + n % A_DOCTORS * LENGTH
        yield booking_document(
            Booking(
                id=a_booking(name, n),
                attempt_id=f"at_{name}_{n}",
                slot_id=slot_id(doctor, start),
                doctor_id=doctor,
                user_id=patient(name, n % patients),
                date=start.date().isoformat(),
                start_time=start,
                end_time=start + LENGTH,
                status=BookingStatus.CONFIRMED,
                version=1,
                created_at=start,
                updated_at=start,
            )
        )


def _insert(
    database: Database[dict[str, Any]], collection: str, documents: Iterator[dict[str, Any]]
) -> None:
    while batch := list(itertools.islice(documents, BATCH)):
        database[collection].insert_many(batch, ordered=False)
