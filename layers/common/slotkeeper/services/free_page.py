"""A page of free slots, as the database has them."""

from __future__ import annotations

from datetime import datetime

from slotkeeper.domain.slot import Slot
from slotkeeper.ports.common import Together
from slotkeeper.ports.pages import Page, Position
from slotkeeper.ports.slots import SlotFilter, SlotStore


def free_page(
    wanted: SlotFilter,
    *,
    now: datetime,
    skip: int,
    limit: int,
    after: Position | None,
    slots: SlotStore,
    together: Together,
) -> Page[Slot]:
    """The slots that can be held at `now`, by start, from `skip` or `after` (a cursor) on."""
    found, total = together(
        lambda: slots.free_slots(wanted, now=now, after=after, skip=skip, limit=limit + 1),
        lambda: slots.count_free(wanted, now=now),
    )
    return Page.cut(found, limit, total, lambda s: Position(key=s.start_time, id=s.id))
