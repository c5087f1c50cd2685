"""A page of free slots, as the database has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from slotkeeper.domain.errors import Unavailable
from slotkeeper.ports.pages import Page, Position

if TYPE_CHECKING:
    from slotkeeper.domain.slot import FreeSlot
    from slotkeeper.ports.common import Together
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
) -> Page[FreeSlot]:
    """The slots that can be held at `now`, by start, from `skip` or `after` (a cursor) on."""
    found, total = together(
        lambda: slots.free_slots(wanted, now=now, after=after, skip=skip, limit=limit + 1),
        lambda: slots.count_free(wanted, now=now),
    )
    return page_of(found, limit, total)


def page_of(found: Sequence[FreeSlot], limit: int, total: int) -> Page[FreeSlot]:
    """The page of `found`, which has one more than `limit` where there is a next one."""
    return Page.cut(found, limit, total, lambda slot: Position(key=slot.start_time, id=slot.id))


def free_page_if_any(
    wanted: SlotFilter,
    *,
    now: datetime,
    skip: int,
    limit: int,
    slots: SlotStore,
    together: Together,
) -> Page[FreeSlot]:
    """The same; an empty page where MongoDB does not answer, for who has what they came for."""
    try:
        return free_page(
            wanted, now=now, skip=skip, limit=limit, after=None, slots=slots, together=together
        )
    except Unavailable:
        return Page(items=[], total=0, next=None)
