from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.slot import SlotStatus
from slotkeeper.services.expire_locks import BATCH, Sweep, expire_locks
from tests.support.fakes import (
    ALICE,
    ATTEMPT,
    NOW,
    POLICY,
    SLOT,
    START,
    FakeClock,
    FakeCodes,
    FakeGate,
    FakeLedger,
    FakeSlots,
    a_hold,
    a_slot,
)


class World:
    """As many slots as wanted whose holds are over, each of an attempt of its own."""

    def __init__(self, due: int = 1) -> None:
        self.clock = FakeClock(NOW + POLICY.hold)
        self.slots = FakeSlots(
            *(
                a_slot(
                    start=START + number * timedelta(minutes=30),
                    hold=a_hold(attempt=ATTEMPT if number == 0 else f"at_{number}"),
                )
                for number in range(due)
            ),
            clock=self.clock,
        )
        self.gate = FakeGate(FakeCodes())
        self.gate.locks = {
            id_: slot.hold.attempt_id for id_, slot in self.slots.slots.items() if slot.hold
        }
        self.ledger = FakeLedger()

    def sweep(self, has_time: Callable[[], bool] = lambda: True) -> Sweep:
        return expire_locks(
            request_id="sweep-1",
            slots=self.slots,
            ledger=self.ledger,
            gate=self.gate,
            has_time=has_time,
        )


def has_time_for(batches: int) -> Callable[[], bool]:
    answers: Iterator[bool] = iter([True] * batches + [False])
    return lambda: next(answers)


def test_slot_whose_hold_is_over_is_freed() -> None:
    world = World()

    swept = world.sweep()

    assert swept == Sweep(expired=1, recorded=1, refused=0)
    assert world.slots.slots[SLOT].status is SlotStatus.ACTIVE


def test_end_of_a_hold_is_recorded_as_one_fact_of_the_systems() -> None:
    world = World()

    world.sweep()

    [fact] = world.ledger.facts.values()
    assert (fact.type, fact.attempt_id, fact.user_id) == ("hold.expired", ATTEMPT, ALICE)
    assert fact.actor == "system"
    assert world.slots.pending == []


def test_lock_of_the_hold_that_is_over_is_given_back() -> None:
    world = World()

    world.sweep()

    assert world.gate.locks == {}


def test_lock_of_a_later_attempt_stays() -> None:
    world = World()
    world.gate.locks[SLOT] = "at_later"

    world.sweep()

    assert world.gate.locks == {SLOT: "at_later"}


def test_live_hold_stays() -> None:
    world = World()
    world.clock.advance(-timedelta(microseconds=1))

    swept = world.sweep()

    assert swept == Sweep(expired=0, recorded=0, refused=0)
    assert world.slots.slots[SLOT].status is SlotStatus.RESERVED


def test_sweep_survives_redis_being_down() -> None:
    world = World(due=3)
    world.gate.down = {"forget"}

    swept = world.sweep()

    assert swept == Sweep(expired=3, recorded=3, refused=0)
    assert world.gate.calls == ["forget"]  # one that fails is enough to know


def test_every_hold_past_its_time_is_ended_however_many() -> None:
    world = World(due=2 * BATCH + 1)

    swept = world.sweep()

    assert swept.expired == 2 * BATCH + 1
    assert world.gate.locks == {}


def test_no_batch_is_begun_without_time() -> None:
    world = World(due=2 * BATCH + 1)

    swept = world.sweep(has_time_for(1))

    assert swept.expired == BATCH


def test_nothing_is_done_without_any_time() -> None:
    world = World()

    swept = world.sweep(has_time_for(0))

    assert swept == Sweep(expired=0, recorded=0, refused=0)
    assert world.slots.calls == []


def test_booking_decided_by_a_function_that_died_is_completed() -> None:
    world = World()
    world.clock.advance(-POLICY.hold)
    world.slots.confirm(
        SLOT,
        attempt_id=ATTEMPT,
        user_id=ALICE,
        send_number=1,
        booking_id="bk_1",
        request_id="request-1",
    )

    swept = world.sweep()

    assert swept == Sweep(expired=0, recorded=1, refused=0)
    assert world.ledger.bookings["bk_1"].user_id == ALICE
    assert world.slots.pending == []


def test_second_sweep_finds_nothing_to_do() -> None:
    world = World(due=3)
    world.sweep()

    again = world.sweep()

    assert again == Sweep(expired=0, recorded=0, refused=0)
    assert len(world.ledger.facts) == 3


def test_what_could_not_be_recorded_is_recorded_by_the_next_sweep() -> None:
    world = World()
    world.ledger.down = {"record"}
    with pytest.raises(Unavailable):
        world.sweep()
    world.ledger.down = set()

    swept = world.sweep()

    assert swept == Sweep(expired=1, recorded=1, refused=0)


def test_fact_recorded_but_not_marked_is_not_recorded_twice() -> None:
    world = World()
    world.slots.down = {"mark_recorded"}
    with pytest.raises(Unavailable):
        world.sweep()
    world.slots.down = set()

    world.sweep()

    assert len(world.ledger.facts) == 1
    assert world.slots.pending == []


def test_slot_store_down_is_unavailable() -> None:
    world = World()
    world.slots.down = {"expire_due"}

    with pytest.raises(Unavailable):
        world.sweep()
