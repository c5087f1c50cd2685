"""Bookings of a clinic with more doctors than one query merges: in order, and not read through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from slotkeeper.adapters.mongo import booking_lists
from slotkeeper.adapters.mongo.booking_lists import MongoBookingLists
from slotkeeper.ports.bookings import BookingFilter
from slotkeeper.ports.pages import Position
from tests.support.examined import examined
from tests.support.house import House

DOCTORS = [f"dr-{n}" for n in range(10)]
BOOKINGS = 120
BASE = datetime(2097, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def merged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking_lists, "MAX_DOCTORS", 3)


@pytest.fixture
def ids(house: House) -> Sequence[str]:
    """What there is, in order; four doctors' bookings begin at one time."""
    made = house.book(house.slot(), house.patient()).id
    [known] = house.database["bookings"].find({"_id": made})
    house.database["bookings"].delete_one({"_id": made})
    documents = [
        {
            **known,
            "_id": f"bk_{n * 37 % BOOKINGS:03}",
            "attemptId": f"at_{n}",
            "slotId": f"slot-{n}",
            "doctorId": DOCTORS[n % len(DOCTORS)],
            "startTime": BASE + n // 4 * timedelta(hours=1),
        }
        for n in range(BOOKINGS)
    ]
    house.database["bookings"].insert_many(documents)
    in_order = sorted(documents, key=lambda one: (one["startTime"], one["_id"]))
    return [one["_id"] for one in in_order]


def test_pages_by_number_are_the_list_in_order(house: House, ids: Sequence[str]) -> None:
    lists, wanted = MongoBookingLists(house.database), BookingFilter(doctor_ids=DOCTORS)

    pages = [lists.page(wanted, after=None, skip=skip, limit=7) for skip in range(0, BOOKINGS, 7)]

    assert [booking.id for page in pages for booking in page] == ids
    assert lists.count(wanted) == BOOKINGS


def test_pages_by_place_are_the_list_in_order(house: House, ids: Sequence[str]) -> None:
    lists, wanted = MongoBookingLists(house.database), BookingFilter(doctor_ids=DOCTORS)
    found: list[str] = []
    place = None

    while page := lists.page(wanted, after=place, skip=0, limit=7):
        found += [booking.id for booking in page]
        place = Position(key=page[-1].start_time, id=page[-1].id)

    assert found == ids


def test_what_cannot_be_read_is_made_up_for(house: House, ids: Sequence[str]) -> None:
    bookings = house.database["bookings"]
    bookings.update_many({"_id": {"$in": ids[3:6]}}, {"$set": {"createdAt": "never"}})
    bookings.update_one({"_id": ids[8]}, {"$set": {"startTime": "never"}})
    wanted = BookingFilter(doctor_ids=DOCTORS)

    page = MongoBookingLists(house.database).page(wanted, after=None, skip=0, limit=10)

    assert [booking.id for booking in page] == [*ids[:3], *ids[6:8], *ids[9:14]]


def test_no_more_documents_are_read_than_a_page_has(house: House, ids: Sequence[str]) -> None:
    lists, wanted = MongoBookingLists(house.database), BookingFilter(doctor_ids=DOCTORS)

    with examined(house.database) as read:
        page = lists.page(wanted, after=None, skip=90, limit=10)

    assert [booking.id for booking in page] == ids[90:100]
    assert read.documents == 10


def test_counting_ends_at_the_most_that_is_told(
    house: House, ids: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(booking_lists, "MAX_TOTAL", 50)
    lists, wanted = MongoBookingLists(house.database), BookingFilter(doctor_ids=DOCTORS)

    with examined(house.database) as read:
        found = lists.count(wanted)

    assert found == 50
    assert read.keys <= 2 * 50
