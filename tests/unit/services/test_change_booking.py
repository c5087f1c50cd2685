from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.errors import BookingNotConfirmed, PreconditionFailed, TooLate, Unavailable
from slotkeeper.domain.slot import SlotStatus
from slotkeeper.domain.user import Caller, Role
from slotkeeper.services.cancel_booking import cancel_booking
from slotkeeper.services.change_booking import BookingEnds
from slotkeeper.services.reschedule_booking import reschedule_booking
from tests.support.fakes import (
    ALICE,
    DOCTOR,
    POLICY,
    SLOT,
    START,
    FakeBookedSlots,
    FakeClock,
    FakeDoctors,
    FakeLedger,
    FakeRelay,
    FakeSlots,
    FakeUsers,
    a_booking,
    a_slot,
    a_user,
    one_by_one,
)
from tests.support.house import NoPages

PATIENT = Caller(user_id=ALICE, role=Role.PATIENT)
STAFF = Caller(user_id="carol", role=Role.STAFF)
STARTS_LATER = START + timedelta(days=1)


class World:
    """Alice's booking, two days ahead, at Carol's clinic."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        slot = replace(
            a_slot(), status=SlotStatus.BOOKED, booking_id="bk_1", start_time=STARTS_LATER
        )
        self.slots = FakeSlots(slot, clock=self.clock)
        self.ledger = FakeLedger(replace(a_booking(), start_time=STARTS_LATER))
        self.booked = FakeBookedSlots(self.slots, self.ledger)
        self.relay = FakeRelay()
        self.pages = NoPages()
        self.users = FakeUsers(a_user(), replace(a_user("carol"), clinic_id="clinic_1"))

    def cancel(
        self, caller: Caller = PATIENT, *, expected: frozenset[int] | None = None
    ) -> Booking:
        return cancel_booking(
            booking_id="bk_1",
            caller=caller,
            reason="a cold",
            expected=expected,
            request_id="request-9",
            request_key="key-9",
            doctors=FakeDoctors({DOCTOR: "clinic_1"}),
            users=self.users,
            ends=self.ends,
            policy=POLICY,
        )

    def reschedule(self, *, key: str = "key-9", request: str = "request-9") -> Booking:
        return reschedule_booking(
            booking_id="bk_1",
            caller=PATIENT,
            reason=None,
            expected=None,
            request_id=request,
            request_key=key,
            doctors=FakeDoctors({DOCTOR: "clinic_1"}),
            users=self.users,
            ends=self.ends,
            policy=POLICY,
        )

    @property
    def ends(self) -> BookingEnds:
        return BookingEnds(
            slots=self.booked,
            ledger=self.ledger,
            pages=self.pages,
            relay=self.relay,
            together=one_by_one,
        )


def test_cancelled_booking_is_answered_recorded_and_told() -> None:
    world = World()

    booking = world.cancel()

    assert (booking.status, booking.version, booking.changed_by) == ("cancelled", 2, "key-9")
    assert world.ledger.bookings["bk_1"] == booking
    [fact] = world.ledger.facts.values()
    assert (fact.type, fact.actor, fact.reason) == ("booking.cancelled", ALICE, "a cold")
    assert world.relay.calls == ["wake"]
    assert world.pages.forgotten == [DOCTOR]
    assert world.slots.slots[SLOT].status is SlotStatus.ACTIVE


def test_relay_that_cannot_be_woken_does_not_undo_a_cancel() -> None:
    world = World()
    world.relay.down = {"wake"}

    assert world.cancel().status is BookingStatus.CANCELLED


@pytest.mark.parametrize("call", ["booking", "record"])
def test_ledger_down_is_unavailable_and_the_next_try_answers(call: str) -> None:
    world = World()
    world.ledger.down = {call}
    with pytest.raises(Unavailable):
        world.cancel()
    world.ledger.down = set()

    assert world.cancel().version == 2
    assert len(world.ledger.facts) == 1


def test_slots_down_is_unavailable_and_nothing_changes() -> None:
    world = World()
    world.booked.down = {"give_back"}

    with pytest.raises(Unavailable):
        world.cancel()

    assert world.ledger.bookings["bk_1"].status is BookingStatus.CONFIRMED


def test_decision_whose_answer_was_lost_is_found_by_the_next_try() -> None:
    world = World()
    world.booked.answers_lost = {"give_back"}
    with pytest.raises(Unavailable):
        world.reschedule()
    world.booked.answers_lost = set()

    booking = world.reschedule(request="request-10")

    assert (booking.status, booking.version) == ("rescheduled", 2)
    assert len(world.ledger.facts) == 1


def test_patient_is_too_late_from_the_start_on_and_staff_never() -> None:
    world = World()
    world.clock.advance(STARTS_LATER - world.clock.now())

    with pytest.raises(TooLate):
        world.cancel()
    world.cancel(STAFF)

    assert world.slots.slots[SLOT].status is SlotStatus.BLOCKED


def test_rescheduling_needs_more_than_the_window() -> None:
    world = World()
    world.clock.advance(STARTS_LATER - POLICY.reschedule_window - world.clock.now())

    with pytest.raises(TooLate):
        world.reschedule()


def test_version_is_looked_at_before_the_slot() -> None:
    world = World()

    with pytest.raises(PreconditionFailed):
        world.cancel(expected=frozenset({7}))

    assert world.booked.calls == []


def test_rescheduled_booking_is_answered_to_its_own_request_only() -> None:
    world = World()
    first = world.reschedule()

    assert world.reschedule(request="request-10") == first
    with pytest.raises(BookingNotConfirmed):
        world.reschedule(key="another")
    with pytest.raises(BookingNotConfirmed):
        world.cancel()
