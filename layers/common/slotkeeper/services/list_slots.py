"""A doctor's free slots, a page at a time, read through a short memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from slotkeeper.domain.errors import NotFound
from slotkeeper.services.access import ensure_is_shown
from slotkeeper.services.free_page import page_of
from slotkeeper.services.kept import kept

if TYPE_CHECKING:
    from slotkeeper.domain.slot import FreeSlot
    from slotkeeper.domain.user import Caller
    from slotkeeper.ports.clinic import DoctorStore
    from slotkeeper.ports.common import Clock, Together
    from slotkeeper.ports.pages import KeptPage, Page, Position, SlotPages, View
    from slotkeeper.ports.people import UserStore
    from slotkeeper.ports.slots import SlotFilter, SlotStore


def list_slots(
    *,
    wanted: SlotFilter,
    caller: Caller,
    asked: str,
    skip: int,
    limit: int,
    after: Position | None,
    view: View,
    to_text: Callable[[Page[FreeSlot]], str],
    slots: SlotStore,
    doctors: DoctorStore,
    users: UserStore,
    pages: SlotPages,
    clock: Clock,
    together: Together,
) -> KeptPage:
    """The slots that can be held now, in order of start, from `skip` or `after` (a cursor) on.

    `asked` names everything that the answer's text depends on but the slots.

    Raises:
        NotFound: no such doctor; of another clinic, for staff.
        Unavailable: MongoDB did not answer, and no such page was kept.
    """
    ensure_is_shown(caller, wanted.doctor_id, doctors=doctors, users=users)

    def make() -> KeptPage:
        now = clock.now()

        def first() -> Sequence[FreeSlot]:
            return slots.free_slots(wanted, now=now, after=None, skip=0, limit=1)

        is_first = not skip and after is None
        found, total, release, *earliest = together(
            lambda: slots.free_slots(wanted, now=now, after=after, skip=skip, limit=limit + 1),
            lambda: slots.count_free(wanted, now=now),
            lambda: slots.first_release(wanted, now=now),
            *([] if is_first else [first]),
        )
        page = page_of(found, limit, total)
        # The list changes by itself when its first slot begins, or a hold ends.
        begins = [slot.start_time for slot in (earliest[0] if earliest else page.items)[:1]]
        until = min([*begins, *([release] if release else [])], default=None)
        if page.total == 0 and not doctors.exists(wanted.doctor_id):
            raise NotFound
        return kept(to_text(page), until)

    return pages.read(wanted.doctor_id, asked, make, view)
