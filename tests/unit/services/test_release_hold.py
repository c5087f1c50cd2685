from __future__ import annotations

import pytest

from slotkeeper.domain.attempt import Attempt, attempt_id
from slotkeeper.domain.errors import HoldExpired, NotFound, Unavailable
from slotkeeper.domain.slot import Slot, SlotStatus
from slotkeeper.services.release_hold import release_hold
from tests.support.fakes import (
    ALICE,
    ATTEMPT,
    BOB,
    KEY,
    POLICY,
    SLOT,
    FakeClock,
    FakeCodes,
    FakeGate,
    FakeLedger,
    FakeSlots,
    a_hold,
    a_record,
    a_slot,
    one_by_one,
)


class World:
    """Alice holds the slot."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.slots = FakeSlots(a_slot(hold=a_hold()), clock=self.clock)
        self.codes = FakeCodes()
        self.codes.records[ALICE, ATTEMPT] = a_record()
        self.gate = FakeGate(self.codes)
        self.gate.locks[SLOT] = ATTEMPT
        self.gate.places[ALICE] = {ATTEMPT}
        self.ledger = FakeLedger()

    def release(
        self, *, user: str = ALICE, request: str = "request-2", actor: str | None = None
    ) -> None:
        release_hold(
            attempt=Attempt(id=ATTEMPT, user_id=user, request_id=request),
            slots=self.slots,
            ledger=self.ledger,
            gate=self.gate,
            together=one_by_one,
            actor=actor,
        )

    @property
    def slot(self) -> Slot:
        return self.slots.slots[SLOT]


def test_released_slot_is_free_at_once() -> None:
    world = World()

    world.release()

    assert world.slot.status is SlotStatus.ACTIVE
    assert world.slot.hold is None


def test_release_gives_back_lock_seed_and_place() -> None:
    world = World()

    world.release()

    assert world.gate.locks == {}
    assert world.codes.records == {}
    assert world.gate.places[ALICE] == set()


def test_release_is_recorded_as_one_fact_and_no_booking() -> None:
    world = World()

    world.release()

    [fact] = world.ledger.facts.values()
    assert (fact.type, fact.attempt_id, fact.actor) == ("hold.released", ATTEMPT, ALICE)
    assert world.ledger.bookings == {}


def test_release_on_the_patient_s_behalf_is_recorded_as_whose_act_it_was() -> None:
    world = World()

    world.release(actor="operator")

    [fact] = world.ledger.facts.values()
    assert (fact.user_id, fact.actor) == (ALICE, "operator")


def test_release_survives_redis_failing_to_forget() -> None:
    world = World()
    world.gate.down = {"forget"}

    world.release()

    assert world.slot.status is SlotStatus.ACTIVE
    assert len(world.ledger.facts) == 1


def test_release_leaves_another_attempts_lock_alone() -> None:
    world = World()
    other = attempt_id(BOB, KEY, SLOT)
    world.gate.locks[SLOT] = other

    world.release()

    assert world.gate.locks == {SLOT: other}


def test_released_hold_cannot_be_released_again() -> None:
    world = World()
    world.release()

    with pytest.raises(HoldExpired):
        world.release(request="request-3")


def test_hold_that_is_over_cannot_be_released() -> None:
    world = World()
    world.clock.advance(POLICY.hold)

    with pytest.raises(HoldExpired):
        world.release()

    assert world.slot.status is SlotStatus.RESERVED  # the sweep tells of its end, not we
    assert world.ledger.facts == {}


def test_booked_slot_cannot_be_released() -> None:
    world = World()
    world.slots.confirm(
        SLOT,
        attempt_id=ATTEMPT,
        user_id=ALICE,
        send_number=1,
        booking_id="bk_1",
        request_id="request-1",
    )

    with pytest.raises(HoldExpired):
        world.release()

    assert world.slot.status is SlotStatus.BOOKED


def test_foreign_attempt_is_not_found_without_any_call() -> None:
    world = World()

    with pytest.raises(NotFound):
        world.release(user=BOB)

    assert world.slots.calls + world.gate.calls + world.ledger.calls == []


def test_fact_that_could_not_be_recorded_stays_for_the_sweep() -> None:
    world = World()
    world.ledger.down = {"record"}

    with pytest.raises(Unavailable):
        world.release()

    assert [fact.type for fact in world.slots.pending] == ["hold.released"]
    assert world.gate.locks == {}


@pytest.mark.parametrize("call", ["find_attempt", "release"])
def test_slot_store_down_is_unavailable_and_leaves_the_lock(call: str) -> None:
    world = World()
    world.slots.down = {call}

    with pytest.raises(Unavailable):
        world.release()

    assert world.gate.locks == {SLOT: ATTEMPT}
