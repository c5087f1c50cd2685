from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.slot import SlotStatus
from slotkeeper.services.relay_outbox import BATCH, Relayed, relay_outbox
from tests.support.fakes import (
    ALICE,
    ATTEMPT,
    SLOT,
    FakeClock,
    FakeCodes,
    FakeGate,
    FakeJobs,
    FakeLedger,
    FakeOutbox,
    FakeSlots,
    a_hold,
    a_slot,
    an_event,
)


class World:
    """An outbox with so many unsent events."""

    def __init__(self, unsent: int = 0) -> None:
        self.events = [an_event(number) for number in range(unsent)]
        self.outbox = FakeOutbox(*self.events)
        self.slots = FakeSlots(clock=FakeClock())
        self.ledger = FakeLedger()
        self.gate = FakeGate(FakeCodes())
        self.jobs = FakeJobs()

    def relay(self, has_time: Callable[[], bool] = lambda: True) -> Relayed:
        return relay_outbox(
            slots=self.slots,
            ledger=self.ledger,
            gate=self.gate,
            outbox=self.outbox,
            jobs=self.jobs,
            has_time=has_time,
        )


def has_time_for(batches: int) -> Callable[[], bool]:
    answers: Iterator[bool] = iter([True] * batches + [False])
    return lambda: next(answers)


def test_every_unsent_event_is_sent_in_order() -> None:
    world = World(unsent=2 * BATCH + 1)

    relayed = world.relay()

    assert relayed == Relayed(recorded=0, refused=0, sent=2 * BATCH + 1)
    assert world.jobs.events == world.events
    assert world.outbox.unsent == []


def test_empty_outbox_sends_nothing() -> None:
    world = World()

    relayed = world.relay()

    assert relayed == Relayed(recorded=0, refused=0, sent=0)
    assert world.jobs.calls == []


def test_event_that_the_queue_did_not_take_stays_unsent() -> None:
    world = World(unsent=3)
    world.jobs.refused = {world.events[1].id}

    relayed = world.relay()

    assert relayed.sent == 2
    assert world.outbox.unsent == [world.events[1]]


def test_relay_stops_at_a_batch_that_was_not_taken_whole() -> None:
    world = World(unsent=BATCH + 1)
    world.jobs.refused = {world.events[0].id}

    relayed = world.relay()

    assert relayed.sent == BATCH - 1
    assert world.jobs.calls == ["send_events"]


def test_queue_down_is_unavailable_and_marks_nothing_as_sent() -> None:
    world = World(unsent=3)
    world.jobs.down = {"send_events"}

    with pytest.raises(Unavailable):
        world.relay()

    assert world.outbox.unsent == world.events
    assert "mark_sent" not in world.outbox.calls


def test_event_is_leased_before_and_marked_after_it_is_sent() -> None:
    world = World(unsent=1)
    world.outbox.down = {"mark_sent"}

    with pytest.raises(Unavailable):
        world.relay()

    assert world.jobs.events == world.events
    assert world.outbox.unsent == world.events
    assert world.outbox.leased == {world.events[0].id}


def test_no_batch_is_begun_without_time() -> None:
    world = World(unsent=BATCH + 1)

    relayed = world.relay(has_time_for(1))

    assert relayed.sent == BATCH
    assert world.outbox.calls == ["claim", "mark_sent"]


def test_booking_decided_by_a_function_that_died_is_completed() -> None:
    world = World()
    world.slots = FakeSlots(a_slot(hold=a_hold()), clock=FakeClock())
    world.slots.confirm(
        SLOT,
        attempt_id=ATTEMPT,
        user_id=ALICE,
        send_number=1,
        booking_id="bk_1",
        request_id="request-1",
    )

    relayed = world.relay()

    assert relayed.recorded == 1
    assert world.ledger.bookings["bk_1"].slot_id == SLOT
    assert world.slots.slots[SLOT].status is SlotStatus.BOOKED


def test_fact_that_cannot_be_recorded_stays_pending_and_keeps_no_event_back() -> None:
    world = World(unsent=1)
    world.slots.pending = [an_event()]
    world.slots.slots[SLOT] = a_slot()
    world.ledger.down = {"record"}

    relayed = world.relay()

    assert world.slots.pending == [an_event()]
    assert (relayed.recorded, relayed.sent) == (0, 1)
