from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.user import Caller, Role, User
from slotkeeper.ports.bookings import BookingFilter
from slotkeeper.ports.pages import Page, Position
from slotkeeper.services.list_bookings import list_bookings
from tests.support.fakes import (
    ALICE,
    BOB,
    START,
    FakeBookingLists,
    FakeCatalogue,
    FakeUsers,
    a_booking,
    a_doctor,
    one_by_one,
)


def _at(hour: int, id_: str, *, user: str = ALICE, doctor: str = "doc_1") -> Booking:
    start = START + timedelta(hours=hour)
    return replace(a_booking(id_=id_, user=user, doctor=doctor), start_time=start)


FIRST, SECOND, THIRD = _at(0, "bk_1"), _at(1, "bk_2"), _at(2, "bk_3")
OF_BOB = _at(1, "bk_4", user=BOB, doctor="doc_2")
PATIENT = Caller(user_id=ALICE, role=Role.PATIENT)
STAFF = Caller(user_id="carol", role=Role.STAFF)
ADMIN = Caller(user_id="root", role=Role.ADMIN)


class World:
    """Three bookings of Alice's with a doctor of clinic_1, one of Bob's with another's."""

    def __init__(self) -> None:
        self.bookings = FakeBookingLists(THIRD, OF_BOB, FIRST, SECOND)
        self.catalogue = FakeCatalogue(
            a_doctor("doc_1", clinic="clinic_1"), a_doctor("doc_2", clinic="clinic_2")
        )
        self.users = FakeUsers(User(id="carol", clinic_id="clinic_1"), User(id="dave"))

    def list(
        self,
        caller: Caller,
        wanted: BookingFilter | None = None,
        *,
        skip: int = 0,
        limit: int = 10,
        after: Position | None = None,
    ) -> Page[Booking]:
        return list_bookings(
            wanted=wanted or BookingFilter(),
            caller=caller,
            skip=skip,
            limit=limit,
            after=after,
            bookings=self.bookings,
            catalogue=self.catalogue,
            users=self.users,
            together=one_by_one,
        )


@pytest.mark.parametrize(
    ("caller", "seen"),
    [
        (PATIENT, [FIRST, SECOND, THIRD]),
        (Caller(user_id=BOB, role=Role.PATIENT), [OF_BOB]),
        (Caller(user_id="nobody", role=Role.PATIENT), []),
        (STAFF, [FIRST, SECOND, THIRD]),
        (ADMIN, [FIRST, SECOND, OF_BOB, THIRD]),
    ],
)
def test_everybody_sees_what_they_may_in_order_of_start(
    caller: Caller, seen: list[Booking]
) -> None:
    page = World().list(caller)

    assert (list(page.items), page.total, page.next) == (seen, len(seen), None)


def test_staff_of_no_clinic_see_nothing() -> None:
    world = World()

    page = world.list(Caller(user_id="dave", role=Role.STAFF))

    assert (list(page.items), page.total) == ([], 0)
    assert world.bookings.calls == []


def test_nobody_asks_for_somebody_else() -> None:
    page = World().list(PATIENT, BookingFilter(user_id=BOB))

    assert list(page.items) == [FIRST, SECOND, THIRD]


def test_status_and_starts_filter() -> None:
    world = World()
    ended = replace(SECOND, status=BookingStatus.CANCELLED)
    world.bookings = FakeBookingLists(FIRST, ended, THIRD)

    cancelled = world.list(PATIENT, BookingFilter(status=BookingStatus.CANCELLED))
    between = world.list(PATIENT, BookingFilter(start=SECOND.start_time, end=THIRD.start_time))

    assert list(cancelled.items) == [ended]
    assert list(between.items) == [ended]


def test_pages_and_cursors_see_every_booking_once() -> None:
    world = World()

    first = world.list(PATIENT, limit=2)
    by_page = world.list(PATIENT, skip=2, limit=2)
    by_cursor = world.list(PATIENT, limit=2, after=first.next)

    assert list(first.items) == [FIRST, SECOND]
    assert first.next == Position(key=SECOND.start_time, id=SECOND.id)
    assert by_page == by_cursor
    assert (list(by_cursor.items), by_cursor.total, by_cursor.next) == ([THIRD], 3, None)


def test_store_down_is_unavailable() -> None:
    world = World()
    world.bookings.down = {"page"}

    with pytest.raises(Unavailable):
        world.list(PATIENT)
