"""A clinic to try things out with: doctors in three time zones and their next weeks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pymongo import UpdateOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from slotkeeper.adapters.mongo.documents import DOCTORS, SLOTS, slot_document
from slotkeeper.domain.slot import Slot, SlotStatus, slot_id

CLINIC = "clinic-demo"
SLOT = timedelta(minutes=30)
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
    slots = [
        slot_document(slot)
        for doctor in DOCTORS_OF_CLINIC
        for slot in working_hours(doctor["_id"], doctor["timeZone"], days)
    ]
    try:
        return len(database[SLOTS].insert_many(slots, ordered=False).inserted_ids)
    except BulkWriteError as error:
        if any(failure["code"] != 11000 for failure in error.details["writeErrors"]):
            raise
        return int(error.details["nInserted"])


def working_hours(doctor_id: str, time_zone: str, days: int) -> list[Slot]:
    """Half-hour slots from nine to five of the doctor's day, from tomorrow on."""
    zone = ZoneInfo(time_zone)
    today = datetime.now(zone).date()
    return [
        _slot(doctor_id, today + timedelta(days=day), start, zone)
        for day in range(1, days + 1)
        for start in range(9 * 60, 17 * 60, 30)
    ]


def _slot(doctor_id: str, day: date, minute: int, zone: ZoneInfo) -> Slot:
    start = datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)
    return Slot(
        id=slot_id(doctor_id, start),
        doctor_id=doctor_id,
        date=day.isoformat(),
        start_time=start,
        end_time=start + SLOT,
        status=SlotStatus.ACTIVE,
        version=1,
    )
