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

_GIVEN = ("Ada", "Bao", "Carmen", "Dmitri", "Elif", "Farid", "Grace", "Hana", "Ivo", "Jaya")
_FAMILY = ("Adler", "Brandt", "Costa", "Diallo", "Eriksen", "Fontaine", "Gupta", "Haddad")


def doctors(count: int | None = None) -> list[Doctor]:
    """The clinic's doctors, or so many: those first, then others made up, the same each time."""
    named = [doctor_of({**one, "clinicId": CLINIC, "version": 1}) for one in DOCTORS_OF_CLINIC]
    if count is None:
        return named
    return [*named, *map(_made_up, range(max(0, count - len(named))))][:count]


def _made_up(number: int) -> Doctor:
    like = DOCTORS_OF_CLINIC[number % len(DOCTORS_OF_CLINIC)]
    name = f"{_GIVEN[number % len(_GIVEN)]} {_FAMILY[number // len(_GIVEN) % len(_FAMILY)]}"
    return Doctor(
        id=f"dr-demo-{number + 1:03}",
        clinic_id=CLINIC,
        name=f"Dr. {name}",
        specialty=like["specialty"],
        time_zone=like["timeZone"],
        consultation_fee=None,
        version=1,
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
    slots = [slot_document(slot) for doctor in doctors() for slot in working_hours(doctor, days)]
    try:
        return len(database[SLOTS].insert_many(slots, ordered=False).inserted_ids)
    except BulkWriteError as error:
        if any(failure["code"] != 11000 for failure in error.details["writeErrors"]):
            raise
        return int(error.details["nInserted"])


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
