"""Booked slots of one doctor that share an instant."""

from __future__ import annotations

from collections.abc import Iterable

from ops.check.reader import Reader
from ops.check.rules import OVERLAPPING_BOOKED
from ops.check.slot_case import SlotCase
from ops.check.stored import slot_stored
from ops.violation import Violation
from slotkeeper.adapters.mongo.documents import SLOTS
from slotkeeper.domain.slot import Slot, SlotStatus


class Overlaps:
    """Goes along slots as their ids order them: a doctor's one after the other, by start."""

    def __init__(self) -> None:
        self._last: Slot | None = None
        """Of the doctor's booked slots so far, the one that ends last."""

    def among(self, cases: Iterable[SlotCase]) -> list[tuple[str, str]]:
        """Ids of slots that overlap, as seen in passing."""
        found = []
        for case in cases:
            slot = case.slot.says.slot if case.slot and case.slot.says else None
            if slot is None or slot.status is not SlotStatus.BOOKED:
                continue
            last = self._last if self._last and self._last.doctor_id == slot.doctor_id else None
            if last and last.overlaps(slot.start_time, slot.end_time):
                found.append((last.id, slot.id))
            if last is None or slot.end_time > last.end_time:
                self._last = slot
        return found


def overlap_violations(reader: Reader, pair: tuple[str, str]) -> list[Violation]:
    """The pair as it is now; to be read at one instant."""
    stored = [slot_stored(document) for document in reader.among(SLOTS, "_id", pair)]
    slots = [one.says.slot for one in stored if one.says]
    if len(slots) == 2 and all(slot.status is SlotStatus.BOOKED for slot in slots):
        one, other = sorted(slots, key=lambda slot: slot.start_time)
        if one.overlaps(other.start_time, other.end_time):
            return [OVERLAPPING_BOOKED.broken(other.id, *(found.shown for found in stored))]
    return []
