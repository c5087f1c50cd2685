"""A doctor's slots of a period: what can be done with all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from slotkeeper.adapters.mongo.change import (
    HOLD_IS_OVER,
    IS_WRITABLE,
    NEXT_VERSION,
    SHOWN,
    guarded,
    transition,
    with_lapse,
)
from slotkeeper.adapters.mongo.documents import Document, slot_of
from slotkeeper.adapters.mongo.fields import readable
from slotkeeper.adapters.mongo.set_aside import NOT_SET_ASIDE
from slotkeeper.adapters.mongo.unread import read_facts
from slotkeeper.domain.events import SYSTEM, DomainEvent
from slotkeeper.domain.slot import EXPIRE, MAX_SLOT, Slot, SlotStatus

if TYPE_CHECKING:
    from slotkeeper.domain.timetable import Period

_IN_ONE_BATCH = 20_000


class Unsettled(Exception):
    """A slot to be removed has facts that are not recorded, or a hold to be ended."""


class Times:
    """The slots of one doctor that share an instant with the period, in a transaction or without.

    A slot whose hold is over counts as free. One that cannot be read, or has facts set aside, is
    nobody's to change or remove.
    """

    def __init__(
        self,
        slots: Collection[Document],
        doctor_id: str,
        period: Period,
        session: ClientSession | None = None,
    ):
        self._slots = slots
        self._doctor_id = doctor_id
        self._period = period
        self._session = session

    def taken(self) -> list[tuple[datetime, datetime]]:
        """When there are slots, whatever their status."""
        rows = self._slots.find(
            self._of(*SlotStatus),
            {"_id": 0, "startTime": 1, "endTime": 1},
            batch_size=_IN_ONE_BATCH,
            session=self._session,
        )
        return [(row["startTime"], row["endTime"]) for row in rows]

    def end_lapsed_holds(self, request_id: str) -> None:
        expiry = transition(EXPIRE, actor=SYSTEM, request_id=request_id)
        self._slots.update_many(
            self._lapsed(), guarded(HOLD_IS_OVER, expiry), session=self._session
        )

    def unrecorded(self) -> Sequence[tuple[Slot, DomainEvent]]:
        """What free and blocked slots have to be recorded."""
        found = self._slots.find(self._unrecorded(), SHOWN, session=self._session)
        return [told for row in found for told in read_facts(self._slots, row)]

    def block(self, request_id: str) -> int:
        """Block what is free; how many."""
        blocking = {
            "pendingEvents": with_lapse(request_id),
            "status": SlotStatus.BLOCKED,
            "version": NEXT_VERSION,
            "hold": "$$REMOVE",
        }
        return sum(
            self._slots.update_many(
                free, [{"$set": blocking}], session=self._session
            ).modified_count
            for free in (self._whole(SlotStatus.ACTIVE), self._lapsed())
        )

    def unblock(self) -> int:
        """Free what is blocked; how many."""
        changes = {"$set": {"status": SlotStatus.ACTIVE.value}, "$inc": {"version": 1}}
        blocked = self._whole(SlotStatus.BLOCKED)
        return self._slots.update_many(blocked, changes, session=self._session).modified_count

    def remove(self) -> tuple[int, int]:
        """Delete what is free or blocked; how many, and their newest version.

        Raises:
            Unsettled: with a slot its facts would be lost.
        """
        for unsettled in (self._unrecorded(), self._lapsed()):
            if self._slots.find_one(unsettled, {"_id": 1}, session=self._session) is not None:
                raise Unsettled
        free = self._whole(SlotStatus.ACTIVE, SlotStatus.BLOCKED)
        newest = self._slots.aggregate(
            [{"$match": free}, {"$group": {"_id": None, "version": {"$max": "$version"}}}],
            session=self._session,
        )
        version = max((found["version"] for found in newest), default=0)
        return self._slots.delete_many(free, session=self._session).deleted_count, version

    def kept(self, *, lapsed_too: bool) -> list[Slot]:
        """What is booked or held, by start; `lapsed_too` also where the hold is over."""
        held = self._of(SlotStatus.RESERVED)
        if not lapsed_too:
            held["$expr"] = {"$gt": ["$hold.expiresAt", "$$NOW"]}
        found = [
            slot
            for theirs in (self._of(SlotStatus.BOOKED), held)
            for slot in readable(
                self._slots.find(
                    theirs, {"pendingEvents": 0}, batch_size=_IN_ONE_BATCH, session=self._session
                ),
                slot_of,
            )
        ]
        return sorted(found, key=lambda slot: (slot.start_time, slot.id))

    def _of(self, *statuses: SlotStatus) -> Document:
        # The status leads to the start in the index.
        return {
            "doctorId": self._doctor_id,
            "status": {"$in": list(statuses)},
            "startTime": {"$gt": self._period.start - MAX_SLOT, "$lt": self._period.end},
            "endTime": {"$gt": self._period.start},
        }

    def _lapsed(self) -> Document:
        """Slots whose hold is over."""
        return {**self._of(SlotStatus.RESERVED), **NOT_SET_ASIDE, "$expr": HOLD_IS_OVER}

    def _whole(self, *statuses: SlotStatus) -> Document:
        """Slots of these statuses that can be read, and have told all."""
        untold = {"setAsideEvents": {"$exists": False}}
        return {**self._of(*statuses), **NOT_SET_ASIDE, **untold, "$expr": IS_WRITABLE}

    def _unrecorded(self) -> Document:
        untold = {"pendingEvents": {"$exists": True}, **NOT_SET_ASIDE}
        return {**self._of(SlotStatus.ACTIVE, SlotStatus.BLOCKED), **untold}
