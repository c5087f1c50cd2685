"""Free slots, page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from slotkeeper.domain.errors import NotFound
from slotkeeper.domain.slot import Slot, SlotStatus
from slotkeeper.ports import Page, Position, SlotFilter
from slotkeeper.services.list_slots import list_slots
from tests.support.house import House


class _Now:
    def now(self) -> datetime:
        return datetime.now(UTC)


def _list(
    house: House, doctor: str, *, page: int = 1, limit: int = 20, **more: object
) -> Page[Slot]:
    after = more.pop("after", None)
    assert after is None or isinstance(after, Position)
    return list_slots(
        wanted=SlotFilter(doctor_id=doctor, **more),  # type: ignore[arg-type]  # fields by name
        skip=0 if after else (page - 1) * limit,
        limit=limit,
        after=after,
        slots=house.slots,
        doctors=house.doctors,
        clock=_Now(),
    )


def test_exactly_the_slots_that_could_be_held_are_listed(house: House) -> None:
    doctor, alice = house.doctor(), house.patient()
    free = house.slot(doctor)
    held = house.slot(doctor, starts_in=timedelta(days=3))
    over = house.slot(doctor, starts_in=timedelta(days=4))
    house.slot(doctor, starts_in=timedelta(days=5), status=SlotStatus.BLOCKED)
    house.slot(doctor, starts_in=timedelta(days=6), status=SlotStatus.BOOKED)
    house.slot(doctor, starts_in=timedelta(minutes=-5))
    house.hold(held, alice)
    house.hold(over, alice)
    house.end_hold(over)

    page = _list(house, doctor)

    assert [slot.id for slot in page.items] == [free, over]
    assert (page.total, page.next) == (2, None)


def test_pages_and_cursors_walk_through_all_slots_once(house: House) -> None:
    doctor = house.doctor()
    slots = [house.slot(doctor, starts_in=timedelta(days=2, hours=hour)) for hour in range(7)]

    by_page = [slot.id for n in (1, 2, 3) for slot in _list(house, doctor, page=n, limit=3).items]
    first = _list(house, doctor, limit=3)
    second = _list(house, doctor, limit=3, after=first.next)
    third = _list(house, doctor, limit=3, after=second.next)

    assert by_page == slots
    assert [s.id for page in (first, second, third) for s in page.items] == slots
    assert third.next is None
    assert first.total == 7


def test_a_date_is_the_doctor_s_and_intervals_are_half_open(house: House) -> None:
    doctor = house.doctor()
    slots = [house.slot(doctor, starts_in=timedelta(days=day)) for day in (2, 3, 4)]
    starts = [house.document(slot)["startTime"] for slot in slots]

    by_date = _list(house, doctor, date=house.document(slots[1])["date"])
    between = _list(house, doctor, start=starts[0], end=starts[2])

    assert [slot.id for slot in by_date.items] == [slots[1]]
    assert [slot.id for slot in between.items] == slots[:2]


def test_an_unknown_doctor_is_not_found_and_one_without_slots_has_none(house: House) -> None:
    doctor = house.doctor()

    assert _list(house, doctor).total == 0
    with pytest.raises(NotFound):
        _list(house, "dr-nobody")
