"""Doctors as their clinic makes and changes them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pymongo import UpdateMany
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import (
    AUDIT_LOGS,
    BOOKINGS,
    DOCTORS,
    SLOTS,
    Document,
    doctor_document,
    doctor_of,
    entry_document,
)
from slotkeeper.adapters.mongo.transaction import TRANSACTION_SECONDS, in_transaction
from slotkeeper.domain.booking import BookingStatus
from slotkeeper.domain.slot import SlotStatus
from slotkeeper.domain.time_zone import Era, eras, instant_of

if TYPE_CHECKING:
    from slotkeeper.domain.doctor import Doctor
    from slotkeeper.domain.timetable import Asked

_NOTED = {"clinicId", "name", "specialty", "timeZone", "consultationFee", "version"}
"""What the audit log tells of a doctor: of a name only that it was given, as entries are kept for
ever and hold nobody's name."""


class MongoDoctorFile:
    """`DoctorFile` on the collection `doctors`."""

    def __init__(self, database: Database[Document]):
        self._doctors = database[DOCTORS]
        # Their statuses lead in the index that has both doctor and start.
        self._dated: tuple[tuple[Collection[Document], list[str]], ...] = (
            (database[SLOTS], list(SlotStatus)),
            (database[BOOKINGS], list(BookingStatus)),
        )
        self._audit = database[AUDIT_LOGS]
        self._client = database.client

    def add(self, doctor: Doctor, asked: Asked) -> Doctor:
        document = doctor_document(doctor)

        def write(session: ClientSession) -> None:
            self._doctors.insert_one(document, session=session)
            self._note("doctor.created", document, asked, session)

        with call():
            with suppress(DuplicateKeyError):
                in_transaction(self._client, write)
            found = self._doctors.find_one({"_id": doctor.id})
        return doctor_of(found) if found else doctor

    def change(self, doctor: Doctor, asked: Asked, *, expected: int) -> bool:
        fields = doctor_document(doctor)
        key = {"_id": fields.pop("_id"), "version": expected}

        def write(session: ClientSession) -> bool:
            before = self._doctors.find_one_and_update(key, {"$set": fields}, session=session)
            if before is None:
                return False
            if before.get("timeZone") != doctor.time_zone:
                self._date_anew(doctor, session)
            new = {name: value for name, value in fields.items() if before.get(name) != value}
            self._note("doctor.changed", {"_id": doctor.id, **new}, asked, session)
            return True

        with call(TRANSACTION_SECONDS):
            return in_transaction(self._client, write)

    def _note(self, event: str, told: Document, asked: Asked, session: ClientSession) -> None:
        noted = {name: value for name, value in told.items() if name in _NOTED}
        id_ = asked.entry_id(event, told["_id"], noted)
        details = {**noted, "name": True} if "name" in noted else noted
        entry = entry_document(
            id_, event, told["_id"], asked=asked, at=datetime.now(UTC), details=details
        )
        self._audit.insert_one(entry, session=session)

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
