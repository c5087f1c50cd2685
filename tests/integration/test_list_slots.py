"""Free slots, page by page."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from slotkeeper.adapters.mongo.documents import slot_document
from slotkeeper.adapters.together import together
from slotkeeper.bootstrap import SystemClock
from slotkeeper.domain.errors import NotFound
from slotkeeper.domain.slot import FreeSlot, Slot, SlotStatus, slot_id
from slotkeeper.domain.user import Caller, Role
from slotkeeper.ports.pages import Page, Position, View
from slotkeeper.ports.slots import SlotFilter
from slotkeeper.services.list_slots import list_slots
from tests.support.house import House, NoPages


def _list(
    house: House, doctor: str, *, page: int = 1, limit: int = 20, **more: object
) -> Page[FreeSlot]:
    after = more.pop("after", None)
    assert after is None or isinstance(after, Position)
    made: list[Page[FreeSlot]] = []

    def to_text(found: Page[FreeSlot]) -> str:
        made.append(found)
        return ""

    list_slots(
        wanted=SlotFilter(doctor_id=doctor, **more),  # type: ignore[arg-type]  # fields by name
        caller=Caller(user_id="u", role=Role.PATIENT),
        asked="",
        skip=0 if after else (page - 1) * limit,
        limit=limit,
        after=after,
        view=View(user_id="u", doctor_id=doctor, filters={}),
        to_text=to_text,
        slots=house.slots,
        doctors=house.doctors,
        users=house.users,
        pages=NoPages(),
        clock=SystemClock(),
        together=together,
    )
    return made[0]


def a_slot_at(doctor: str, start: datetime, day: str) -> Slot:
    return Slot(
        id=slot_id(doctor, start),
        doctor_id=doctor,
        date=day,
        start_time=start,
        end_time=start + timedelta(minutes=30),
        status=SlotStatus.ACTIVE,
        version=1,
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


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1900-02-28"])
def test_a_day_at_the_end_of_time_has_no_slots(house: House, day: str) -> None:
    assert _list(house, house.doctor(), date=day).total == 0


@pytest.mark.parametrize(
    ("zone", "hour"), [("Pacific/Kiritimati", 10), ("Etc/GMT+12", 36), ("Asia/Kolkata", 18)]
)
def test_a_date_is_found_in_whatever_zone_it_is_that_date(
    house: House, zone: str, hour: int
) -> None:
    doctor, day = house.doctor(), datetime.now(UTC).date() + timedelta(days=3)
    at_utc = datetime.combine(day, time(), UTC) + timedelta(hours=hour - 24 * (hour == 10))
    local = at_utc.astimezone(ZoneInfo(zone)).date().isoformat()
    slot = a_slot_at(doctor, at_utc, local)
    house.database["slots"].insert_one(slot_document(slot))

    assert [found.id for found in _list(house, doctor, date=local).items] == [slot.id]
