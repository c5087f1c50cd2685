"""Behind the slot's own decision stands the index: without the first, the second holds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from slotkeeper.adapters.mongo.documents import BOOKINGS
from slotkeeper.domain.booking import BookingStatus
from slotkeeper.services.verify_otp import Confirmation
from tests.concurrency import guards
from tests.concurrency.at_once import at_once
from tests.concurrency.lost import Lost
from tests.concurrency.observer import TWO_BOOKINGS, Observer
from tests.concurrency.race import THREADS
from tests.support.house import House

FIRST = THREADS // 2
NEXT = THREADS - FIRST - 1


def test_where_every_confirmation_is_let_through_the_index_lets_one_booking_be(
    house: House,
) -> None:
    for _ in range(3):
        slot = house.slot()

        with Observer(house, [slot]):
            told = _two_patients_confirm(house, slot)

        assert told == 2, "the slot let both through"
        assert _confirmed(house, slot) == 1


def test_control_without_the_index_there_are_two_bookings(house: House) -> None:
    house.database[BOOKINGS].drop_index("one_confirmed_per_slot")
    slot = house.slot()

    with pytest.raises(Lost, match=TWO_BOOKINGS), Observer(house, [slot]):
        _two_patients_confirm(house, slot)

    assert _confirmed(house, slot) == 2


def _two_patients_confirm(house: House, slot: str) -> int:
    """For how many attempts the slot says that it was confirmed.

    One patient's requests have all read that their hold lives when it ends and the next patient
    holds; the next one's have all read that theirs does; then all act on what they read.
    """
    alice, bob = house.patients(2)
    attempt = house.hold(slot, alice)
    code = house.code(attempt, alice)
    firsts_have_read = threading.Barrier(FIRST + 1)
    all_have_read = threading.Barrier(FIRST + NEXT)
    is_taken = threading.Event()
    taken: list[str] = []

    def first_read() -> None:
        firsts_have_read.wait()
        all_have_read.wait()

    def next_read() -> None:
        all_have_read.wait()

    def hand_over() -> None:
        firsts_have_read.wait()
        house.end_hold(slot)
        house.redis.delete(house.keys.lock(slot))
        taken.append(house.hold(slot, bob))
        is_taken.set()

    def next_verifies(verify: Callable[..., Confirmation]) -> Confirmation:
        is_taken.wait()
        return verify(taken[0], bob)

    first = guards.decides_on_a_read(house, between=first_read)
    second = guards.decides_on_a_read(house, between=next_read)
    at_once(
        [partial(first.verify, attempt, alice, code)] * FIRST
        + [hand_over]
        + [partial(next_verifies, second.verify)] * NEXT
    )
    facts = house.document(slot)["pendingEvents"]
    return len({fact["bookingId"] for fact in facts if fact["bookingId"]})


def _confirmed(house: House, slot: str) -> int:
    return len(house.bookings(slotId=slot, status=BookingStatus.CONFIRMED.value))
