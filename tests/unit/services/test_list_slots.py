from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from slotkeeper.domain.errors import NotFound, Unavailable
from slotkeeper.domain.slot import FreeSlot, SlotStatus
from slotkeeper.domain.user import Caller, Role
from slotkeeper.ports.pages import KeptPage, Page, Position, View
from slotkeeper.ports.slots import SlotFilter
from slotkeeper.services.list_slots import list_slots
from tests.support.fakes import (
    ALICE,
    DOCTOR,
    NOW,
    POLICY,
    START,
    FakeClock,
    FakeDoctors,
    FakeSlotPages,
    FakeSlots,
    FakeUsers,
    a_hold,
    a_slot,
    a_user,
    as_free,
    one_by_one,
)

PATIENT = Caller(user_id=ALICE, role=Role.PATIENT)
EVERY = SlotFilter(doctor_id=DOCTOR)
FIVE = [a_slot(start=START + number * timedelta(minutes=30)) for number in range(5)]
LISTED = [as_free(slot) for slot in FIVE]


class World:
    """A doctor with five free slots."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.slots = FakeSlots(*FIVE, clock=self.clock)
        self.doctors = FakeDoctors({DOCTOR: "clinic_1"})
        self.pages = FakeSlotPages(self.clock)
        self.made: list[Page[FreeSlot]] = []

    def list(
        self,
        wanted: SlotFilter = EVERY,
        *,
        page: int = 1,
        limit: int = 2,
        after: Position | None = None,
    ) -> Page[FreeSlot]:
        """The page as it was made, last of all."""
        self.read(wanted, page=page, limit=limit, after=after)
        return self.made[-1]

    def read(
        self,
        wanted: SlotFilter = EVERY,
        *,
        page: int = 1,
        limit: int = 2,
        after: Position | None = None,
        caller: Caller = PATIENT,
    ) -> KeptPage:
        return list_slots(
            wanted=wanted,
            caller=caller,
            asked=repr((wanted, page, limit, after)),
            skip=0 if after else (page - 1) * limit,
            limit=limit,
            after=after,
            view=View(user_id=ALICE, doctor_id=wanted.doctor_id, filters={}),
            to_text=self._text,
            slots=self.slots,
            doctors=self.doctors,
            users=FakeUsers(replace(a_user("carol"), clinic_id="clinic_1")),
            pages=self.pages,
            clock=self.clock,
            together=one_by_one,
        )

    def _text(self, page: Page[FreeSlot]) -> str:
        self.made.append(page)
        return " ".join(slot.id for slot in page.items)


def test_first_page_holds_the_earliest_slots() -> None:
    found = World().list()

    assert list(found.items) == LISTED[:2]
    assert found.total == 5


def test_next_names_the_last_slot_of_the_page() -> None:
    found = World().list()

    assert found.next == Position(key=FIVE[1].start_time, id=FIVE[1].id)


def test_page_number_skips_the_pages_before() -> None:
    found = World().list(page=2)

    assert list(found.items) == LISTED[2:4]


def test_cursor_wins_over_the_page_number() -> None:
    after = Position(key=FIVE[0].start_time, id=FIVE[0].id)

    found = World().list(page=3, after=after)

    assert list(found.items) == LISTED[1:3]


def test_following_next_sees_every_slot_once() -> None:
    world = World()
    seen: list[FreeSlot] = []
    after = None

    for _ in range(3):
        found = world.list(after=after)
        seen += found.items
        after = found.next

    assert seen == LISTED
    assert after is None


@pytest.mark.parametrize("limit", [5, 100])
def test_last_page_has_no_next(limit: int) -> None:
    found = World().list(limit=limit)

    assert list(found.items) == LISTED
    assert found.next is None


def test_page_past_the_end_is_empty() -> None:
    found = World().list(page=9)

    assert (list(found.items), found.total, found.next) == ([], 5, None)


def test_only_slots_that_can_be_held_now_are_listed() -> None:
    world = World()
    over = a_hold(placed_at=NOW - POLICY.hold)
    world.slots = FakeSlots(
        a_slot(start=NOW),
        a_slot(start=FIVE[0].start_time, status=SlotStatus.BOOKED),
        a_slot(start=FIVE[1].start_time, status=SlotStatus.BLOCKED),
        a_slot(start=FIVE[2].start_time, hold=a_hold()),
        a_slot(start=FIVE[3].start_time, hold=over),
        clock=world.clock,
    )

    found = world.list()

    assert [slot.start_time for slot in found.items] == [FIVE[3].start_time]
    assert found.total == 1


def test_range_holds_its_start_and_not_its_end() -> None:
    wanted = SlotFilter(doctor_id=DOCTOR, start=FIVE[1].start_time, end=FIVE[3].start_time)

    found = World().list(wanted)

    assert list(found.items) == LISTED[1:3]


def test_doctor_without_free_slots_has_an_empty_page() -> None:
    world = World()
    world.slots = FakeSlots(clock=world.clock)

    found = world.list()

    assert (list(found.items), found.total, found.next) == ([], 0, None)


def test_unknown_doctor_is_not_found() -> None:
    with pytest.raises(NotFound):
        World().list(SlotFilter(doctor_id="doc_2"))


def test_known_doctor_is_not_looked_up_where_there_are_slots() -> None:
    world = World()

    world.list()

    assert world.doctors.calls == []


def test_slot_store_down_is_unavailable() -> None:
    world = World()
    world.slots.down = {"free_slots"}

    with pytest.raises(Unavailable):
        world.list()


def test_a_page_read_again_is_not_made_again() -> None:
    world = World()

    first, second = world.read(), world.read()

    assert first == second
    assert len(world.made) == 1


def test_another_page_is_made_for_itself() -> None:
    world = World()

    first, second = world.read(), world.read(page=2)

    assert first.text != second.text
    assert first.etag != second.etag


def test_a_page_lives_no_longer_than_its_first_slot_can_be_held() -> None:
    world = World()

    page = world.read()

    assert page.valid_until == FIVE[0].start_time


def test_a_page_lives_no_longer_than_a_hold_of_the_doctor() -> None:
    world = World()
    world.slots = FakeSlots(
        FIVE[0], a_slot(start=NOW + POLICY.hold, hold=a_hold()), clock=world.clock
    )

    page = world.read()

    assert page.valid_until == NOW + POLICY.hold


def test_an_empty_page_may_be_kept_until_something_changes() -> None:
    world = World()
    world.slots = FakeSlots(clock=world.clock)

    assert world.read().valid_until is None


def test_an_unknown_doctor_is_not_kept() -> None:
    world = World()
    with pytest.raises(NotFound):
        world.read(SlotFilter(doctor_id="doc_2"))

    world.doctors.clinics["doc_2"] = "clinic_1"

    assert world.read(SlotFilter(doctor_id="doc_2")).text == ""


def test_what_is_asked_for_is_noted_as_viewed() -> None:
    world = World()

    world.read()

    assert world.pages.views == [View(user_id=ALICE, doctor_id=DOCTOR, filters={})]


def test_staff_are_shown_their_clinic_s_doctors_only() -> None:
    world = World()

    world.read(caller=Caller(user_id="carol", role=Role.STAFF))
    with pytest.raises(NotFound):
        world.read(caller=Caller(user_id="dave", role=Role.STAFF))
