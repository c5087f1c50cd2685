"""A clinic to try things out with: doctors in three time zones and their next weeks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pymongo import UpdateOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from slotkeeper.adapters.mongo.documents import DOCTORS, SLOTS, doctor_of, slot_document
from slotkeeper.domain.doctor import Doctor
from slotkeeper.domain.schedule import Hours, WeeklySchedule, slots_of
from slotkeeper.domain.slot import Slot

CLINIC = "clinic-demo"
DOCTORS_OF_CLINIC: tuple[dict[str, Any], ...] = (
    {
        "_id": "dr-amara-okafor",
        "name": "Dr. Amara Okafor",
        "specialty": "general practice",
        "timeZone": "Europe/Berlin",
    },
    {
        "_id": "dr-ravi-kumar",
        "name": "Dr. Ravi Kumar",
        "specialty": "cardiology",
        "timeZone": "Asia/Kolkata",
    },
    {
        "_id": "dr-june-park",
        "name": "Dr. June Park",
        "specialty": "dermatology",
        "timeZone": "America/New_York",
    },
)


def ensure(database: Database[dict[str, Any]], *, days: int = 30) -> int:
    """Store doctors and slots that are not there yet; how many slots were added."""
    database[DOCTORS].bulk_write(
        [
            UpdateOne(
                {"_id": doctor["_id"]},
                {"$setOnInsert": {**doctor, "clinicId": CLINIC, "version": 1}},
                upsert=True,
            )
            for doctor in DOCTORS_OF_CLINIC
        ]
    )
    slots = _slots(days)
    try:
        return len(database[SLOTS].insert_many(slots, ordered=False).inserted_ids)
    except BulkWriteError as error:
        if any(failure["code"] != 11000 for failure in error.details["writeErrors"]):
            raise
        return int(error.details["nInserted"])


def missing(database: Database[dict[str, Any]], *, days: int = 30) -> int:
    """How many slots `ensure` would add."""
    ids = [slot["_id"] for slot in _slots(days)]
    return len(ids) - database[SLOTS].count_documents({"_id": {"$in": ids}})


def _slots(days: int) -> list[dict[str, Any]]:
    return [
        slot_document(slot)
        for document in DOCTORS_OF_CLINIC
        for slot in working_hours(doctor_of({**document, "clinicId": CLINIC, "version": 1}), days)
    ]


def working_hours(doctor: Doctor, days: int) -> list[Slot]:
    """Half-hour slots from nine to five of the doctor's day, from tomorrow on."""
    today = datetime.now(ZoneInfo(doctor.time_zone)).date()
    schedule = WeeklySchedule(
        time_zone=doctor.time_zone,
        weekly=(Hours(start=9 * 60, end=17 * 60),),
        slot_minutes=30,
        first=today + timedelta(days=1),
        last=today + timedelta(days=days),
    )
    return slots_of(schedule, doctor)
