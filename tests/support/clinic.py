"""A clinic in a deployed system that one test has to itself: a doctor, free slots, its staff."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.database import Database

from local import identity
from local.config import Config
from local.identity import Person
from slotkeeper.adapters.mongo.documents import DOCTORS, SLOTS, USERS, slot_document
from slotkeeper.domain.slot import Slot, SlotStatus, slot_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Clinic:
    id: str
    doctor: str
    slots: Sequence[str]
    """Half hours one after the other, from two days ahead."""
    staff: Person


def found_clinic(
    config: Config,
    database: Database[dict[str, Any]],
    *,
    slots: int = 40,
    fee: int | None = None,
) -> Clinic:
    name, doctor = f"clinic-{secrets.token_hex(4)}", f"dr-{secrets.token_hex(4)}"
    database[DOCTORS].insert_one(
        {
            "_id": doctor,
            "clinicId": name,
            "name": "Dr. Grace Example",
            "specialty": "cardiology",
            "timeZone": "UTC",
            "consultationFee": fee,
            "version": 1,
        }
    )
    made = _half_hours(doctor, slots)
    database[SLOTS].insert_many([slot_document(slot) for slot in made])
    [staff] = identity.sign_in(config, [identity.anybody("staff")])
    database[USERS].update_one({"_id": staff.user_id}, {"$set": {"clinicId": name}})
    return Clinic(id=name, doctor=doctor, slots=[slot.id for slot in made], staff=staff)


def close_clinic(database: Database[dict[str, Any]], clinic: Clinic) -> None:
    """Its doctors are not for the tests that read the catalogue."""
    database[DOCTORS].delete_many({"clinicId": clinic.id})


def _half_hours(doctor: str, count: int) -> list[Slot]:
    opening = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
    return [
        Slot(
            id=slot_id(doctor, start),
            doctor_id=doctor,
            date=f"{start:%Y-%m-%d}",
            start_time=start,
            end_time=start + timedelta(minutes=30),
            status=SlotStatus.ACTIVE,
            version=1,
        )
        for start in (opening + number * timedelta(minutes=30) for number in range(count))
    ]
