"""Rare orders of events that the model test found (tests/model), each kept as a test of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from slotkeeper.domain.errors import BookingNotConfirmed, HoldExpired
from slotkeeper.domain.timetable import TimeChange
from slotkeeper.domain.user import Caller, Role
from tests.support.house import House
from tests.support.managing import Managing


def test_an_attempt_that_began_again_is_released_a_second_time(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    house.release(house.hold(slot, alice, "a-key-of-alice-01"), alice)
    house.lose_redis()  # and with it the key's answer: repeated, it begins the same attempt again
    attempt = house.hold(slot, alice, "a-key-of-alice-01")

    house.release(attempt, alice)

    assert house.document(slot)["status"] == "active"
    assert house.redis.get(house.keys.lock(slot)) is None
    assert [event["type"] for event in house.events()] == ["hold.released", "hold.released"]


def test_a_late_code_for_a_slot_that_the_clinic_removed_is_told_that_the_hold_is_over(
    house: House,
) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    wrong = house.wrong_code(attempt, alice)
    house.end_hold(slot)
    remove(house, slot)

    with pytest.raises(HoldExpired):
        house.verify(attempt, alice, wrong)
    with pytest.raises(HoldExpired):
        house.resend(attempt, alice)


def test_a_booking_whose_slot_was_cancelled_and_removed_cannot_be_replaced(house: House) -> None:
    alice = house.patient()
    old = house.book(house.slot(), alice)
    slot = house.slot(starts_in=timedelta(days=3))
    attempt = house.hold(slot, alice, replaces=old.id)
    house.cancel(old.id, Caller(user_id=alice, role=Role.PATIENT))
    remove(house, old.slot_id)

    with pytest.raises(BookingNotConfirmed):
        house.verify(attempt, alice)

    assert house.document(slot)["status"] == "reserved"


def remove(house: House, slot: str) -> None:
    """The clinic takes the slot out of the calendar."""
    start = house.document(slot)["startTime"]
    Managing(house).change_time(
        house.document(slot)["doctorId"], TimeChange.REMOVED, start, start + timedelta(minutes=30)
    )
    assert house.database["slots"].find_one({"_id": slot}) is None
    assert start > datetime.now(UTC)
