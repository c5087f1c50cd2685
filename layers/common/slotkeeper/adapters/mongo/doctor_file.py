"""Doctors as their clinic makes and changes them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import UpdateMany
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import (
    BOOKINGS,
    DOCTORS,
    SLOTS,
    Document,
    doctor_document,
    doctor_of,
)
from slotkeeper.adapters.mongo.transaction import TRANSACTION_SECONDS, in_transaction
from slotkeeper.domain.booking import BookingStatus
from slotkeeper.domain.doctor import Doctor
from slotkeeper.domain.slot import SlotStatus
from slotkeeper.domain.time_zone import Era, eras, instant_of


class MongoDoctorFile:
    """`DoctorFile` on the collection `doctors`."""

    def __init__(self, database: Database[Document]):
        self._doctors = database[DOCTORS]
        # Their statuses lead in the index that has both doctor and start.
        self._dated: tuple[tuple[Collection[Document], list[str]], ...] = (
            (database[SLOTS], list(SlotStatus)),
            (database[BOOKINGS], list(BookingStatus)),
        )
        self._client = database.client

    def add(self, doctor: Doctor) -> Doctor:
        with call():
            with suppress(DuplicateKeyError):
                self._doctors.insert_one(doctor_document(doctor))
            found = self._doctors.find_one({"_id": doctor.id})
        return doctor_of(found) if found else doctor

    def change(self, doctor: Doctor, *, expected: int) -> bool:
        fields = doctor_document(doctor)
        key = {"_id": fields.pop("_id"), "version": expected}

        def write(session: ClientSession) -> bool:
            before = self._doctors.find_one_and_update(key, {"$set": fields}, session=session)
            if before is None:
                return False
            if before["timeZone"] != doctor.time_zone:
                self._date_anew(doctor, session)
            return True

        with call(TRANSACTION_SECONDS):
            return in_transaction(self._client, write)

    def _date_anew(self, doctor: Doctor, session: ClientSession) -> None:
        """Slots and bookings to come get the dates of the doctor's zone; `version` stays.

        A version that grew here would take every running hold's slot from it.
        """
        now = datetime.now(UTC)
        for collection, statuses in self._dated:
            coming: Document = {"doctorId": doctor.id, "status": {"$in": statuses}}
            coming["startTime"] = {"$gt": now}
            last = collection.find_one(coming, sort=[("startTime", -1)], session=session)
            if last is None:
                continue
            # Offsets as this function knows them: the server may know other rules, or not the zone.
            offsets = eras(doctor.time_zone, now, last["startTime"] + timedelta(seconds=1))
            updates = [UpdateMany(*_dated_in(era, coming, now)) for era in offsets]
            collection.bulk_write(updates, session=session)


def _dated_in(era: Era, coming: Document, now: datetime) -> tuple[Document, list[Any]]:
    """The filter and the pipeline that date what starts in this era."""
    start = max(instant_of(era.start), now)
    within = {**coming, "startTime": {"$gte": start, "$lt": instant_of(era.end)}}
    wall_clock = {"$add": ["$startTime", era.offset * 1000]}
    date = {"$dateToString": {"date": wall_clock, "format": "%Y-%m-%d"}}
    return within, [{"$set": {"date": date}}]
