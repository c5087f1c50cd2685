"""A clinic blocks, frees, removes and makes slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from slotkeeper.domain.events import DomainEvent
from tests.model.refused import Refused
from tests.model.state import State
from tests.model.things import ENDS, Slot


class Calendar(State):
    def block(self, caller: str, slot_id: str, *, is_blocked: bool) -> str:
        """The slot's status then."""
        doctor, _, _ = slot_id.rpartition("_")
        slot = self.slots.get(slot_id)
        if self.clinics.get(caller) != self.clinics[doctor] or slot is None:
            raise Refused("not_found")
        held = self._is_somebody_s(slot)
        if held is not None:
            raise held
        if slot.status == "booked":
            raise Refused("slot_unavailable")
        told: list[DomainEvent] = [fact for fact in slot.facts if fact.type in ENDS]
        if is_blocked and slot.status != "blocked":
            if self._lapse(slot):
                slot.version += 1
            slot.status, slot.hold = "blocked", None
            slot.version += 1
            told.append(self._fact(slot, "slot.blocked", ("active", "blocked"), caller))
            slot.facts.append(told[-1])
        elif not is_blocked and slot.status == "blocked":
            slot.status = "active"
            slot.version += 1
            told.append(self._fact(slot, "slot.unblocked", ("blocked", "active"), caller))
            slot.facts.append(told[-1])
        self._record(slot, told)
        return "blocked" if is_blocked else "active"

    def change_time(
        self, caller: str, doctor: str, change: str, start: datetime, end: datetime
    ) -> tuple[int, list[str]]:
        """How many slots of the time were changed, and which are somebody's."""
        if self.clinics.get(caller) != self.clinics[doctor]:
            raise Refused("not_found")
        theirs = [
            slot
            for slot in self.slots.values()
            if slot.doctor == doctor and slot.overlaps(start, end)
        ]
        match change:
            case "blocked":
                changed = [slot for slot in theirs if self._is_free(slot)]
                for slot in changed:
                    self._lapse(slot)
                    slot.status, slot.hold = "blocked", None
                    slot.version += 1
            case "active":
                changed = [slot for slot in theirs if slot.status == "blocked"]
                for slot in changed:
                    slot.status = "active"
                    slot.version += 1
            case "removed":
                self._settle(theirs)
                changed = [slot for slot in theirs if slot.status in {"active", "blocked"}]
                for slot in changed:
                    del self.slots[slot.id]
                newest = max((slot.version for slot in changed), default=0)
                before = self.newest_removed.get(doctor, 0)
                self.newest_removed[doctor] = max(before, newest)
        left = sorted(
            (slot for slot in theirs if slot not in changed), key=lambda slot: (slot.start, slot.id)
        )
        kept = [s.id for s in left if s.status == "booked" or s.live_hold(self.now)]
        return len(changed), kept

    def _settle(self, slots: Sequence[Slot]) -> None:
        """Nothing of a slot may be untold when it goes."""
        is_needed = any(
            self._is_lapsed(slot) or (slot.facts and slot.status in {"active", "blocked"})
            for slot in slots
        )
        for slot in slots if is_needed else []:
            if self._is_lapsed(slot):
                self._expire(slot)
            if slot.status in {"active", "blocked"}:
                self._record(slot, slot.facts)
                slot.facts = []

    def fill(self, slot: Slot) -> tuple[int, int]:
        """The clinic makes one slot; how many were made and left out."""
        if slot.id in self.slots:
            return 0, 1
        # Facts are known by slot and version: a slot made again must not repeat them.
        version = self.newest_removed.get(slot.doctor, 0) + 1
        self.slots[slot.id] = replace(slot, version=version, facts=[])
        return 1, 0
