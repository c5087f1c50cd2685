"""A clinic's use cases where the stores answer what real ones seldom do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from slotkeeper.domain.doctor import Doctor
from slotkeeper.domain.errors import (
    NotFound,
    PreconditionFailed,
    SlotHeld,
    SlotUnavailable,
    Unavailable,
    VersionConflict,
)
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.schedule import Hours, WeeklySchedule
from slotkeeper.domain.slot import CONFIRM, EXPIRE, Slot, SlotStatus
from slotkeeper.domain.timetable import Asked, Filled, Period, TimeChange, TimeChanged
from slotkeeper.domain.user import Caller, Role, User
from slotkeeper.ports.slots import SlotDecision
from slotkeeper.services.block_slot import block_slot
from slotkeeper.services.change_calendar import change_calendar
from slotkeeper.services.create_schedule import create_schedule
from slotkeeper.services.update_doctor import update_doctor
from tests.support.fakes import (
    DOCTOR,
    NOW,
    SLOT,
    START,
    Fake,
    FakeCatalogue,
    FakeClock,
    FakeDoctorPages,
    FakeDoctors,
    FakeLedger,
    FakeSlotPages,
    FakeSlots,
    FakeUsers,
    a_hold,
    a_slot,
    an_event,
    one_by_one,
)

CLINIC = "clinic_1"
STAFF = Caller(user_id="carol", role=Role.STAFF)
ASKED = Asked(actor="carol", request_id="r1", request_key="k1")
ADA = Doctor(
    id=DOCTOR,
    clinic_id=CLINIC,
    name="Dr. Ada",
    specialty="cardiology",
    time_zone="Asia/Tokyo",
    consultation_fee=None,
    version=3,
)


class FakeFile(Fake):
    """`DoctorFile` that stores in a catalogue; somebody is quicker `beaten` times."""

    def __init__(self, catalogue: FakeCatalogue, beaten: int = 0) -> None:
        super().__init__()
        self.catalogue = catalogue
        self.beaten = beaten

    def add(self, doctor: Doctor, asked: Asked) -> Doctor:
        return self.catalogue.doctors.setdefault(doctor.id, doctor)

    def change(self, doctor: Doctor, asked: Asked, *, expected: int) -> bool:
        with self._called("change"):
            there = self.catalogue.doctors[doctor.id]
            if self.beaten:
                self.beaten -= 1
                self.catalogue.doctors[doctor.id] = replace(there, version=there.version + 1)
                return False
            self.catalogue.doctors[doctor.id] = doctor
            return there.version == expected


class FakeTimetables(Fake):
    """`Timetables` whose slots have facts to be recorded for the first `unsettled` changes."""

    def __init__(self, unsettled: int = 0, facts: Sequence[tuple[Slot, DomainEvent]] = ()) -> None:
        super().__init__()
        self.unsettled = unsettled
        self.facts = facts
        self.made: Sequence[Slot] = ()

    def fill(
        self,
        doctor_id: str,
        asked: Asked,
        details: Mapping[str, Any],
        make: Callable[[Doctor, int], Sequence[Slot]],
    ) -> Filled:
        with self._called("fill"):
            self.made = make(ADA, 7)
            return Filled(created=len(self.made), skipped=0)

    def settle(
        self, doctor_id: str, period: Period, *, request_id: str
    ) -> Sequence[tuple[Slot, DomainEvent]]:
        with self._called("settle"):
            return self.facts

    def change(
        self, doctor_id: str, period: Period, change: TimeChange, asked: Asked
    ) -> TimeChanged | None:
        with self._called("change"):
            self.unsettled -= 1
            return None if self.unsettled >= 0 else TimeChanged(changed=4, kept=[])


class FakeBlocks(Fake):
    """`SlotBlocks` that find the slot as it is."""

    def __init__(self, slot: Slot, event: DomainEvent | None = None) -> None:
        super().__init__()
        self.slot = slot
        self.event = event

    def block(self, slot_id: str, *, actor: str, request_id: str) -> SlotDecision:
        with self._called("block"):
            facts = [self.event] if self.event else []
            return SlotDecision(
                slot=self.slot, now=NOW, made=bool(facts), event=self.event, facts=facts
            )

    unblock = block


class Desk:
    """A member of staff of the doctor's clinic, and the ports they work with."""

    def __init__(self, *, clinic: str | None = CLINIC, doctor: Doctor = ADA) -> None:
        self.clock = FakeClock()
        self.catalogue = FakeCatalogue(doctor)
        self.file = FakeFile(self.catalogue)
        self.doctors = FakeDoctors({DOCTOR: CLINIC})
        self.users = FakeUsers(User(id="carol", clinic_id=clinic))
        self.pages = FakeSlotPages(self.clock)
        self.doctor_pages = FakeDoctorPages()
        self.ledger = FakeLedger()
        self.slots = FakeSlots(clock=self.clock)

    def update(self, *, expected: frozenset[int] | None = None, **fields: Any) -> Doctor:
        return update_doctor(
            doctor_id=DOCTOR,
            change=lambda doctor: replace(doctor, **fields),
            caller=STAFF,
            expected=expected,
            asked=ASKED,
            catalogue=self.catalogue,
            file=self.file,
            doctors=self.doctors,
            users=self.users,
            doctor_pages=self.doctor_pages,
            slot_pages=self.pages,
        )

    def change_time(self, timetables: FakeTimetables) -> TimeChanged:
        return change_calendar(
            doctor_id=DOCTOR,
            period=Period(start=START, end=START + timedelta(days=1)),
            change=TimeChange.REMOVED,
            caller=STAFF,
            asked=ASKED,
            timetables=timetables,
            slots=self.slots,
            ledger=self.ledger,
            doctors=self.doctors,
            users=self.users,
            pages=self.pages,
        )

    def block(self, blocks: FakeBlocks, *, is_blocked: bool = True) -> Slot:
        return block_slot(
            slot_id=SLOT,
            is_blocked=is_blocked,
            caller=STAFF,
            request_id="r1",
            blocks=blocks,
            ledger=self.ledger,
            doctors=self.doctors,
            users=self.users,
            pages=self.pages,
            together=one_by_one,
        )


# --- a doctor -------------------------------------------------------------------------------------


def test_a_change_beaten_by_another_is_made_again_on_what_is_there_then() -> None:
    desk = Desk()
    desk.file.beaten = 2

    changed = desk.update(name="Dr. Eve")

    assert (changed.name, changed.version) == ("Dr. Eve", 6)
    assert desk.doctor_pages.calls == ["forget"]
    assert desk.pages.calls == []


def test_a_change_beaten_again_and_again_is_a_conflict() -> None:
    desk = Desk()
    desk.file.beaten = 99

    with pytest.raises(VersionConflict):
        desk.update(name="Dr. Eve")
    assert desk.doctor_pages.calls == []


def test_a_change_of_a_version_that_was_beaten_is_a_conflict_at_once() -> None:
    desk = Desk()
    desk.file.beaten = 1

    with pytest.raises(VersionConflict):
        desk.update(expected=frozenset({3}), name="Dr. Eve")
    assert desk.file.calls == ["change"]


def test_a_change_of_another_version_is_not_tried() -> None:
    desk = Desk()

    with pytest.raises(PreconditionFailed):
        desk.update(expected=frozenset({2, 4}), name="Dr. Eve")
    assert desk.file.calls == []


def test_a_doctor_who_moves_has_other_pages() -> None:
    desk = Desk()

    desk.update(time_zone="Asia/Kolkata")

    assert desk.pages.calls == ["forget"]


# --- schedules and times --------------------------------------------------------------------------


def test_a_schedule_is_in_the_doctor_s_zone_of_the_moment_it_is_made() -> None:
    desk, timetables = Desk(), FakeTimetables()

    def schedule_in(time_zone: str) -> WeeklySchedule:
        return WeeklySchedule(
            time_zone=time_zone,
            weekly=(Hours(start=9 * 60, end=10 * 60),),
            slot_minutes=60,
            first=date(2026, 3, 2),
            last=date(2026, 3, 2),
        )

    filled = create_schedule(
        doctor_id=DOCTOR,
        schedule_in=schedule_in,
        details={},
        caller=STAFF,
        asked=ASKED,
        timetables=timetables,
        doctors=desk.doctors,
        users=desk.users,
        pages=desk.pages,
    )

    [slot] = timetables.made
    assert filled.created == 1
    assert (f"{slot.start_time:%d %H:%M}", slot.date, slot.version) == (
        *("02 00:00", "2026-03-02", 7),
    )
    assert desk.pages.calls == ["forget"]


def test_what_slots_have_to_tell_is_recorded_before_they_are_removed() -> None:
    desk = Desk()
    facts = [
        (a_slot(), an_event(2)),
        (a_slot(), an_event(4, type_=EXPIRE.event, booking=None)),
    ]
    timetables = FakeTimetables(1, facts)

    done = desk.change_time(timetables)

    assert done.changed == 4
    assert timetables.calls == ["change", "settle", "change"]
    assert [fact.type for fact in desk.ledger.facts.values()] == [CONFIRM.event, EXPIRE.event]
    assert list(desk.ledger.bookings) == ["bk_1"]
    assert desk.slots.calls == ["mark_recorded"]


def test_slots_that_never_come_to_rest_are_not_removed() -> None:
    desk = Desk()

    with pytest.raises(Unavailable):
        desk.change_time(FakeTimetables(99))


def test_what_could_not_be_recorded_is_not_removed() -> None:
    desk, timetables = Desk(), FakeTimetables(1, [(a_slot(), an_event(2))])
    desk.ledger.down = {"record"}

    with pytest.raises(Unavailable):
        desk.change_time(timetables)
    assert timetables.calls == ["change", "settle"]
    assert desk.slots.calls == []


# --- one slot -------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_blocked", [True, False])
def test_a_patient_s_slot_is_neither_blocked_nor_freed(is_blocked: bool) -> None:
    desk = Desk()

    with pytest.raises(SlotHeld) as refused:
        desk.block(FakeBlocks(a_slot(hold=a_hold())), is_blocked=is_blocked)
    with pytest.raises(SlotUnavailable):
        desk.block(FakeBlocks(a_slot(status=SlotStatus.BOOKED)), is_blocked=is_blocked)
    assert refused.value.retry_after_seconds == 300
    assert desk.pages.calls == desk.ledger.calls == []


def test_a_slot_whose_hold_is_over_is_free_as_it_is() -> None:
    over = a_hold(placed_at=NOW - timedelta(hours=1))

    slot = Desk().block(FakeBlocks(a_slot(hold=over)), is_blocked=False)

    assert (slot.status, slot.hold) == (SlotStatus.ACTIVE, None)


def test_a_blocked_slot_is_told_and_its_pages_forgotten() -> None:
    desk, fact = Desk(), an_event(2, type_="slot.blocked", booking=None)

    desk.block(FakeBlocks(a_slot(status=SlotStatus.BLOCKED), fact))

    assert list(desk.ledger.facts.values()) == [fact]
    assert desk.pages.calls == ["forget"]


# --- whose ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("clinic", ["clinic_2", None])
def test_nothing_of_another_clinic_s_is_touched(clinic: str | None) -> None:
    desk, timetables, blocks = Desk(clinic=clinic), FakeTimetables(), FakeBlocks(a_slot())

    with pytest.raises(NotFound):
        desk.update(name="Dr. Eve")
    with pytest.raises(NotFound):
        desk.change_time(timetables)
    with pytest.raises(NotFound):
        desk.block(blocks)
    assert desk.file.calls == timetables.calls == blocks.calls == []
