"""A doctor's free slots, a page at a time, read through a short memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from slotkeeper.domain.errors import NotFound
from slotkeeper.services.access import ensure_is_shown
from slotkeeper.services.free_page import free_page
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
        is_first = not skip and after is None
        page, release, earliest = together(
            lambda: free_page(
                wanted, now=now, skip=skip, limit=limit, after=after, slots=slots, together=together
            ),
            lambda: slots.first_release(wanted, now=now),
            lambda: (
                [] if is_first else slots.free_slots(wanted, now=now, after=None, skip=0, limit=1)
            ),
        )
        # The list changes by itself when its first slot begins, or a hold ends.
        begins = [slot.start_time for slot in (page.items if is_first else earliest)[:1]]
        until = min([*begins, *([release] if release else [])], default=None)
        if page.total == 0 and not doctors.exists(wanted.doctor_id):
            raise NotFound
        return kept(to_text(page), until)

    return pages.read(wanted.doctor_id, asked, make, view)
