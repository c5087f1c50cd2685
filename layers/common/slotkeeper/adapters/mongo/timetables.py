"""Doctors' timetables: many slots made, blocked or removed at once.

Each change is one transaction that first writes the doctor's document. So changes of one timetable
come one after the other: of two at once, the second begins again and sees what the first made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import (
    AUDIT_LOGS,
    DOCTORS,
    SCHEDULES,
    SLOTS,
    Document,
    doctor_of,
    entry_document,
    slot_document,
)
from slotkeeper.adapters.mongo.fields import Fields
from slotkeeper.adapters.mongo.times import Times, Unsettled
from slotkeeper.adapters.mongo.transaction import TRANSACTION_SECONDS, in_transaction
from slotkeeper.domain.errors import NotFound
from slotkeeper.domain.schedule import without_overlaps
from slotkeeper.domain.timetable import Asked, Filled, Period, TimeChange, TimeChanged

if TYPE_CHECKING:
    from slotkeeper.domain.doctor import Doctor
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.domain.slot import Slot


class MongoTimetables:
    """`Timetables` on the collections `doctors`, `slots`, `schedules` and `audit_logs`."""

    def __init__(self, database: Database[Document]):
        self._doctors = database[DOCTORS]
        self._slots = database[SLOTS]
        self._schedules = database[SCHEDULES]
        self._audit = database[AUDIT_LOGS]
        self._client = database.client

    def fill(
        self,
        doctor_id: str,
        asked: Asked,
        details: Mapping[str, Any],
        make: Callable[[Doctor, int], Sequence[Slot]],
    ) -> Filled:
        event = "schedule.created"
        id_ = asked.entry_id(event, doctor_id, details)

        def write(session: ClientSession) -> Filled:
            doctor = self._next_in_turn(doctor_id, session)
            done = self._schedules.find_one({"_id": id_}, session=session)
            if done is not None:
                known = Fields(SCHEDULES, done)
                return Filled(created=known.number("created"), skipped=known.number("skipped"))
            last = Fields(DOCTORS, doctor).number_or_none("lastVersion") or 0
            wanted = make(doctor_of(doctor), last + 1)
            fresh = without_overlaps(wanted, self._taken(doctor_id, wanted, session))
            if fresh:
                self._slots.insert_many([slot_document(slot) for slot in fresh], session=session)
            filled = Filled(created=len(fresh), skipped=len(wanted) - len(fresh))
            told = {**details, "created": filled.created, "skipped": filled.skipped}
            schedule = {"_id": id_, "doctorId": doctor_id, "at": doctor["calendarAt"], **told}
            self._schedules.insert_one(schedule, session=session)
            self._note(id_, event, doctor, told, asked=asked, session=session)
            return filled

        with call(TRANSACTION_SECONDS):
            return in_transaction(self._client, write)

    def settle(
        self, doctor_id: str, period: Period, *, request_id: str
    ) -> Sequence[tuple[Slot, DomainEvent]]:
        times = Times(self._slots, doctor_id, period)
        with call(TRANSACTION_SECONDS):
            times.end_lapsed_holds(request_id)
            return times.unrecorded()

    def change(
        self, doctor_id: str, period: Period, change: TimeChange, asked: Asked
    ) -> TimeChanged | None:
        id_ = asked.entry_id(change.event, doctor_id, period)

        def write(session: ClientSession) -> TimeChanged:
            doctor = self._next_in_turn(doctor_id, session)
            times = Times(self._slots, doctor_id, period, session)
            done = self._audit.find_one({"_id": id_}, session=session)
            if done is not None:
                changed = Fields(AUDIT_LOGS, done).inner("details").number("changed")
            else:
                changed = self._made(change, times, doctor_id, asked, session)
                told = {"from": period.start, "to": period.end, "changed": changed}
                self._note(id_, change.event, doctor, told, asked=asked, session=session)
            # Whose hold ended since the others were changed is not free of anybody yet; where slots
            # are freed, it is free to the next patient and needs nothing.
            lapsed_too = change is not TimeChange.ACTIVE
            return TimeChanged(changed=changed, kept=times.kept(lapsed_too=lapsed_too))

        try:
            with call(TRANSACTION_SECONDS):
                return in_transaction(self._client, write)
        except Unsettled:
            return None

    def _note(
        self,
        id_: str,
        event: str,
        doctor: Document,
        details: Mapping[str, Any],
        *,
        asked: Asked,
        session: ClientSession,
    ) -> None:
        at = doctor["calendarAt"]
        entry = entry_document(id_, event, doctor["_id"], asked=asked, at=at, details=details)
        self._audit.insert_one(entry, session=session)

    def _next_in_turn(self, doctor_id: str, session: ClientSession) -> Document:
        """The doctor, written: no other change of the calendar can be under way."""
        doctor = self._doctors.find_one_and_update(
            {"_id": doctor_id},
            [
                {
                    "$set": {
                        "calendarVersion": {"$add": [{"$ifNull": ["$calendarVersion", 0]}, 1]},
                        "calendarAt": "$$NOW",
                    }
                }
            ],
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if doctor is None:
            raise NotFound
        return doctor

    def _made(
        self,
        change: TimeChange,
        times: Times,
        doctor_id: str,
        asked: Asked,
        session: ClientSession,
    ) -> int:
        """Change what is nobody's; how many slots. Raises Unsettled."""
        match change:
            case TimeChange.BLOCKED:
                return times.block(asked.request_id)
            case TimeChange.ACTIVE:
                return times.unblock()
            case TimeChange.REMOVED:
                removed, newest = times.remove()
                # Events are known by slot and version: a slot made again must not repeat them.
                last = {"$max": {"lastVersion": newest}}
                self._doctors.update_one({"_id": doctor_id}, last, session=session)
                return removed

    def _taken(
        self, doctor_id: str, wanted: Sequence[Slot], session: ClientSession
    ) -> list[tuple[datetime, datetime]]:
        if not wanted:
            return []
        time = Period(start=wanted[0].start_time, end=wanted[-1].end_time)
        return Times(self._slots, doctor_id, time, session).taken()
