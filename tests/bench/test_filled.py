"""What a database of a size is filled with."""

from __future__ import annotations

import pytest

from bench.filled import bookings, doctors_of, slots


@pytest.mark.parametrize("count", [1, 1_000, 1_440, 10_000])
def test_there_are_as_many_slots_and_bookings_as_asked_for_and_none_twice(count: int) -> None:
    doctors = doctors_of("grown", count)

    free = {slot["_id"] for slot in slots(doctors, count)}
    booked = {booking["slotId"] for booking in bookings(doctors, "grown", count)}

    assert len(free) == count
    assert len(booked) == count
