"""The bookings a caller may see, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slotkeeper.ports.pages import Page, Position
from slotkeeper.services.access import bookings_for

if TYPE_CHECKING:
    from slotkeeper.domain.booking import Booking
    from slotkeeper.domain.user import Caller
    from slotkeeper.ports.bookings import BookingFilter, BookingLists
    from slotkeeper.ports.clinic import Catalogue
    from slotkeeper.ports.common import Together
    from slotkeeper.ports.people import UserStore


def list_bookings(
    *,
    wanted: BookingFilter,
    caller: Caller,
    skip: int,
    limit: int,
    after: Position | None,
    bookings: BookingLists,
    catalogue: Catalogue,
    users: UserStore,
    together: Together,
) -> Page[Booking]:
    """Of the bookings that the caller may see, those that are `wanted`, in order of start.

    Raises:
        Unavailable: MongoDB did not answer.
    """
    shown = bookings_for(caller, wanted, catalogue=catalogue, users=users)
    if shown is None:
        return Page(items=[], total=0, next=None)
    found, total = together(
        lambda: bookings.page(shown, after=after, skip=skip, limit=limit + 1),
        lambda: bookings.count(shown),
    )
    return Page.cut(found, limit, total, lambda b: Position(key=b.start_time, id=b.id))
