from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest

from slotkeeper.domain.errors import SlotHeld, SlotInPast, SlotUnavailable
from slotkeeper.domain.slot import SlotStatus, doctor_of, hold_refusal, seconds_until, slot_id
from tests.support.fakes import NOW, START, a_hold, a_slot

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
INSTANT = timedelta(microseconds=1)


def test_slot_that_has_begun_is_refused_as_past() -> None:
    slot = a_slot(start=NOW)

    refusal = hold_refusal(slot, NOW)

    assert isinstance(refusal, SlotInPast)


def test_slot_that_begins_in_an_instant_is_not_past() -> None:
    slot = a_slot(start=NOW + INSTANT, status=SlotStatus.BOOKED)

    refusal = hold_refusal(slot, NOW)

    assert isinstance(refusal, SlotUnavailable)


def test_past_slot_is_refused_as_past_even_while_held() -> None:
    slot = a_slot(start=NOW, hold=a_hold(placed_at=NOW - timedelta(minutes=1)))

    refusal = hold_refusal(slot, NOW)

    assert isinstance(refusal, SlotInPast)


def test_held_slot_is_refused_with_the_seconds_until_its_hold_is_over() -> None:
    slot = a_slot(hold=a_hold())

    refusal = hold_refusal(slot, NOW + timedelta(seconds=59.5))

    assert isinstance(refusal, SlotHeld)
    assert refusal.retry_after_seconds == 241


@pytest.mark.parametrize("status", [SlotStatus.BOOKED, SlotStatus.BLOCKED])
def test_booked_or_blocked_slot_is_refused_as_unavailable(status: SlotStatus) -> None:
    slot = a_slot(status=status)

    refusal = hold_refusal(slot, NOW)

    assert isinstance(refusal, SlotUnavailable)
    assert refusal.retry_after_seconds is None


def test_hold_is_live_until_the_instant_before_it_expires() -> None:
    hold = a_hold()

    is_live = hold.is_live(hold.expires_at - INSTANT)

    assert is_live


def test_hold_is_over_at_the_very_instant_it_expires() -> None:
    hold = a_hold()

    is_live = hold.is_live(hold.expires_at)

    assert not is_live


def test_reserved_slot_has_no_live_hold_once_it_is_over() -> None:
    hold = a_hold()
    slot = a_slot(hold=hold)

    live = slot.live_hold(hold.expires_at)

    assert live is None


def test_slot_that_is_not_reserved_has_no_live_hold() -> None:
    slot = a_slot(status=SlotStatus.BOOKED)

    live = slot.live_hold(NOW)

    assert live is None


@pytest.mark.parametrize("doctor", ["d", "doc_1", "_", "a_b_c", "trailing_", "with-dash", "x" * 46])
def test_doctor_is_read_off_the_slot_id(doctor: str) -> None:
    id_ = slot_id(doctor, START)

    assert doctor_of(id_) == doctor
    assert ID.fullmatch(id_)


def test_slot_id_is_the_same_for_the_same_instant_in_another_zone() -> None:
    elsewhere = START.astimezone(timezone(timedelta(hours=5, minutes=45)))

    ids = {slot_id("doc", START), slot_id("doc", elsewhere)}

    assert ids == {"doc_20260303T0900Z"}


@pytest.mark.parametrize("nonsense", ["", "no-underscore", "_", "$ne", "a" * 1000])
def test_doctor_of_any_string_is_some_string(nonsense: str) -> None:
    doctor = doctor_of(nonsense)

    assert isinstance(doctor, str)


@pytest.mark.parametrize(
    ("instant", "seconds"),
    [
        (NOW + timedelta(seconds=10), 10),
        (NOW + timedelta(seconds=9, microseconds=1), 10),
        (NOW + timedelta(milliseconds=1), 1),
        (NOW, 1),
        (NOW - timedelta(hours=1), 1),
    ],
)
def test_seconds_are_rounded_up_and_at_least_one(instant: datetime, seconds: int) -> None:
    assert seconds_until(instant, NOW) == seconds
