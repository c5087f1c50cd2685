"""The bookings a caller may see, a page at a time."""

from __future__ import annotations

from dataclasses import replace

from slotkeeper.domain.booking import Booking
from slotkeeper.domain.user import Caller
from slotkeeper.ports.bookings import BookingFilter, BookingLists
from slotkeeper.ports.clinic import Catalogue
from slotkeeper.ports.common import Together
from slotkeeper.ports.pages import Page, Position
from slotkeeper.ports.people import UserStore
from slotkeeper.services.get_booking import sight_of


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
    sight = sight_of(caller, users)
    if sight.user_id is not None:
        wanted = replace(wanted, user_id=sight.user_id)
    elif not sight.is_all:
        doctor_ids = catalogue.ids_of(sight.clinic_id) if sight.clinic_id else ()
        if not doctor_ids:
            return Page(items=[], total=0, next=None)
        wanted = replace(wanted, doctor_ids=tuple(doctor_ids))
    found, total = together(
        lambda: bookings.page(wanted, after=after, skip=skip, limit=limit + 1),
        lambda: bookings.count(wanted),
    )
    return Page.cut(found, limit, total, lambda b: Position(key=b.start_time, id=b.id))
