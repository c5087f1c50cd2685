"""A doctor's free slots, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slotkeeper.domain.errors import NotFound
from slotkeeper.domain.slot import Slot
from slotkeeper.ports import Clock, DoctorStore, Position, SlotFilter, SlotStore


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPage:
    items: Sequence[Slot]
    total: int
    next: Position | None


def list_slots(
    *,
    wanted: SlotFilter,
    page: int,
    limit: int,
    after: Position | None,
    slots: SlotStore,
    doctors: DoctorStore,
    clock: Clock,
) -> SlotPage:
    """The slots that can be held now, in order of start; `after` (a cursor) wins over `page`.

    Raises:
        NotFound: no such doctor.
    """
    now = clock.now()
    skip = 0 if after else (page - 1) * limit
    found = slots.free_slots(wanted, now=now, after=after, skip=skip, limit=limit + 1)
    total = slots.count_free(wanted, now=now)
    if total == 0 and not doctors.exists(wanted.doctor_id):
        raise NotFound
    items = found[:limit]
    has_more = len(found) > limit
    return SlotPage(
        items=items,
        total=total,
        next=Position(start_time=items[-1].start_time, id=items[-1].id) if has_more else None,
    )
