"""A doctor's free slots, a page at a time."""

from __future__ import annotations

from slotkeeper.domain.errors import NotFound
from slotkeeper.domain.slot import Slot
from slotkeeper.ports import Clock, DoctorStore, Page, Position, SlotFilter, SlotStore


def list_slots(
    *,
    wanted: SlotFilter,
    skip: int,
    limit: int,
    after: Position | None,
    slots: SlotStore,
    doctors: DoctorStore,
    clock: Clock,
) -> Page[Slot]:
    """The slots that can be held now, in order of start, from `skip` or `after` (a cursor) on.

    Raises:
        NotFound: no such doctor.
    """
    now = clock.now()
    found = slots.free_slots(wanted, now=now, after=after, skip=skip, limit=limit + 1)
    total = slots.count_free(wanted, now=now)
    if total == 0 and not doctors.exists(wanted.doctor_id):
        raise NotFound
    items = found[:limit]
    has_more = len(found) > limit
    return Page(
        items=items,
        total=total,
        next=Position(key=items[-1].start_time, id=items[-1].id) if has_more else None,
    )
