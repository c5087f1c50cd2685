from __future__ import annotations

from datetime import timedelta

import pytest

from slotkeeper.domain.attempt import HoldReceipt, attempt_id
from slotkeeper.domain.errors import (
    IdempotencyKeyReused,
    InvalidRequest,
    NotFound,
    RequestInProgress,
    SlotHeld,
    SlotInPast,
    SlotUnavailable,
    TooManyHolds,
    Unavailable,
)
from slotkeeper.domain.slot import Slot, SlotStatus
from slotkeeper.domain.user import Channel, User
from slotkeeper.ports.holds import HoldTicket
from slotkeeper.ports.notifications import CodeJob
from slotkeeper.services.hold_slot import Answer, hold_slot
from tests.support.fakes import (
    ALICE,
    ATTEMPT,
    BOB,
    KEY,
    NOW,
    POLICY,
    SLOT,
    START,
    Fake,
    FakeClock,
    FakeCodes,
    FakeGate,
    FakeJobs,
    FakeLedger,
    FakeSlots,
    FakeUsers,
    a_hold,
    a_slot,
    a_ticket,
    a_user,
    one_by_one,
)


def text_of(receipt: HoldReceipt) -> str:
    return f"{receipt.attempt_id} until {receipt.expires_at:%H:%M:%S}"


class World:
    """A clinic of one free slot, with Alice and Bob."""

    def __init__(self, *slots: Slot, users: tuple[User, ...] | None = None) -> None:
        self.clock = FakeClock()
        self.slots = FakeSlots(*(slots or (a_slot(),)), clock=self.clock)
        self.codes = FakeCodes()
        self.gate = FakeGate(self.codes)
        self.users = FakeUsers(*(users or (a_user(), a_user(BOB, phone="+15550101"))))
        self.jobs = FakeJobs()
        self.ledger = FakeLedger()
        self.receipts: list[HoldReceipt] = []

    def hold(self, ticket: HoldTicket | None = None, channel: Channel | None = None) -> Answer:
        return hold_slot(
            ticket=ticket or a_ticket(),
            channel=channel,
            to_text=self._to_text,
            gate=self.gate,
            slots=self.slots,
            ledger=self.ledger,
            users=self.users,
            jobs=self.jobs,
            together=one_by_one,
            policy=POLICY,
        )

    @property
    def slot(self) -> Slot:
        return self.slots.slots[SLOT]

    def took_nothing(self) -> bool:
        """Redis is as it was before anybody came."""
        return not (
            self.gate.requests
            or self.gate.locks
            or self.codes.records
            or any(self.gate.places.values())
        )

    def forget_calls(self) -> None:
        fakes: list[Fake] = [self.slots, self.gate, self.users, self.jobs]
        for fake in fakes:
            fake.calls.clear()

    def _to_text(self, receipt: HoldReceipt) -> str:
        self.receipts.append(receipt)
        return text_of(receipt)


# --- a free slot ----------------------------------------------------------------------------------


def test_free_slot_is_held_for_the_patient() -> None:
    world = World()

    answer = world.hold()

    assert answer == Answer(f"{ATTEMPT} until 09:05:00", is_replay=False)
    assert world.slot.status is SlotStatus.RESERVED
    assert world.slot.hold is not None
    assert world.slot.hold.user_id == ALICE


def test_patient_is_told_where_the_code_goes_by_the_databases_clock() -> None:
    world = World()

    world.hold()

    [receipt] = world.receipts
    assert receipt.server_time == NOW
    assert receipt.expires_at == NOW + timedelta(minutes=5)
    assert receipt.otp.channel == Channel.SMS
    assert receipt.otp.destination == "+1*****00"
    assert receipt.otp.resend_at == NOW + timedelta(seconds=30)


def test_first_code_is_queued_once() -> None:
    world = World()

    world.hold(channel=Channel.EMAIL)

    assert world.jobs.codes == [
        CodeJob(
            attempt_id=ATTEMPT,
            slot_id=SLOT,
            user_id=ALICE,
            channel=Channel.EMAIL,
            send_number=1,
            request_id="request-1",
        )
    ]


def test_slot_whose_hold_is_over_is_held_before_any_sweep() -> None:
    over = a_hold(attempt=attempt_id(BOB, KEY, SLOT), user=BOB, placed_at=NOW - POLICY.hold)
    world = World(a_slot(hold=over))

    world.hold()

    assert world.slot.hold is not None
    assert world.slot.hold.user_id == ALICE


# --- refusals by Redis alone ----------------------------------------------------------------------


def test_slot_locked_by_another_patient_is_refused_without_the_slot_store() -> None:
    world = World()
    world.gate.locks[SLOT] = attempt_id(BOB, KEY, SLOT)

    with pytest.raises(SlotHeld) as refused:
        world.hold()

    assert refused.value.retry_after_seconds == 291
    assert world.slots.calls == []
    assert world.users.calls == []


def test_refusal_gives_back_what_was_taken_and_leaves_the_other_patients_lock() -> None:
    world = World()
    other = attempt_id(BOB, KEY, SLOT)
    world.gate.locks[SLOT] = other

    with pytest.raises(SlotHeld):
        world.hold()

    assert world.gate.locks == {SLOT: other}
    assert world.gate.requests == {}
    assert world.codes.records == {}
    assert world.gate.places[ALICE] == set()


def test_hold_past_the_limit_is_refused_without_the_slot_store() -> None:
    world = World()
    world.gate.places[ALICE] = {"at_1", "at_2", "at_3"}

    with pytest.raises(TooManyHolds) as refused:
        world.hold()

    assert refused.value.retry_after_seconds == 42
    assert world.slots.calls == []
    assert world.gate.places[ALICE] == {"at_1", "at_2", "at_3"}
    assert world.gate.locks == {}


def test_key_of_a_request_under_way_is_refused_and_stays_taken() -> None:
    world = World()
    world.gate.admit(a_ticket(request="first"))

    with pytest.raises(RequestInProgress) as refused:
        world.hold(a_ticket(request="second"))

    assert refused.value.retry_after_seconds == 2
    assert world.gate.requests[a_ticket().request_key].owner == "first"
    assert world.slots.calls == []


def test_key_of_another_request_is_refused() -> None:
    world = World()
    world.hold(a_ticket(fingerprint="one body"))
    world.forget_calls()

    with pytest.raises(IdempotencyKeyReused):
        world.hold(a_ticket(fingerprint="another body", request="request-2"))

    assert world.slots.calls == []
    assert world.gate.requests[a_ticket().request_key].answer is not None
    assert world.gate.locks == {SLOT: ATTEMPT}


# --- repeated requests ----------------------------------------------------------------------------


def test_replay_answers_the_stored_text_and_calls_nothing_else() -> None:
    world = World()
    first = world.hold()
    world.forget_calls()

    again = world.hold(a_ticket(request="request-2", seed="ANOTHERSEED"))

    assert again == Answer(first.text, is_replay=True)
    assert world.slots.calls == world.users.calls == world.jobs.calls == []
    assert world.gate.calls == ["admit", "withdraw"]


def test_replay_after_the_hold_is_over_takes_nothing() -> None:
    world = World()
    world.hold()
    world.gate.forget(attempt_id=ATTEMPT, slot_id=SLOT, user_id=ALICE)

    again = world.hold(a_ticket(request="request-2"))

    assert again.is_replay
    assert world.gate.locks == {}
    assert world.codes.records == {}
    assert world.gate.places[ALICE] == set()


def test_retry_whose_seed_survived_queues_the_same_code_again() -> None:
    world = World()
    world.hold()
    world.gate.lapse(a_ticket())  # the first try died before its answer was kept

    world.hold(a_ticket(request="request-2", seed="ANOTHERSEED"))

    assert [job.send_number for job in world.jobs.codes] == [1, 1]
    assert world.codes.records[ALICE, ATTEMPT].seed == a_ticket().seed


def test_retry_whose_seed_was_lost_queues_no_code() -> None:
    world = World()
    world.hold()
    world.gate.lapse(a_ticket())
    world.codes.records.clear()

    answer = world.hold(a_ticket(request="request-2", seed="ANOTHERSEED"))

    assert answer.text == f"{ATTEMPT} until 09:05:00"
    assert len(world.jobs.codes) == 1


def test_own_held_slot_held_again_answers_the_old_attempt_and_expiry() -> None:
    world = World()
    first = world.hold()
    world.clock.advance(timedelta(minutes=2))

    again = world.hold(a_ticket(key="another-key-0123456789", request="request-2"))

    assert again == Answer(first.text, is_replay=False)
    assert len(world.jobs.codes) == 1


def test_own_held_slot_held_again_takes_no_second_place_and_no_second_seed() -> None:
    world = World()
    world.hold()

    world.hold(a_ticket(key="another-key-0123456789", request="request-2"))

    assert world.gate.places[ALICE] == {ATTEMPT}
    assert list(world.codes.records) == [(ALICE, ATTEMPT)]
    assert world.gate.locks == {SLOT: ATTEMPT}


def test_own_held_slot_is_answered_again_at_the_limit_of_holds() -> None:
    world = World()
    first = world.hold()
    world.gate.places[ALICE] |= {"at_2", "at_3"}

    again = world.hold(a_ticket(key="another-key-0123456789", request="request-2"))

    assert again.text == first.text


# --- refusals by the slot -------------------------------------------------------------------------


def test_slot_held_in_the_database_alone_is_refused_and_redis_left_as_it_was() -> None:
    hold = a_hold(
        attempt=attempt_id(BOB, KEY, SLOT), user=BOB, placed_at=NOW - timedelta(minutes=1)
    )
    world = World(a_slot(hold=hold))

    with pytest.raises(SlotHeld) as refused:
        world.hold()

    assert refused.value.retry_after_seconds == 240
    assert world.slot.hold == hold
    assert world.took_nothing()
    assert world.jobs.codes == []


@pytest.mark.parametrize("status", [SlotStatus.BOOKED, SlotStatus.BLOCKED])
def test_slot_that_is_not_free_is_refused(status: SlotStatus) -> None:
    world = World(a_slot(status=status))

    with pytest.raises(SlotUnavailable):
        world.hold()

    assert world.slot.status is status
    assert world.took_nothing()


def test_slot_that_has_begun_is_refused() -> None:
    world = World()
    world.clock.advance(START - NOW)

    with pytest.raises(SlotInPast):
        world.hold()

    assert world.took_nothing()


def test_slot_that_does_not_exist_is_not_found() -> None:
    world = World()

    with pytest.raises(NotFound):
        world.hold(a_ticket(slot="doc_1_20990101T0000Z"))

    assert world.took_nothing()


# --- what is undone -------------------------------------------------------------------------------


def test_patient_without_an_address_is_refused_and_holds_nothing() -> None:
    world = World(users=(a_user(phone=None, email=None),))

    with pytest.raises(InvalidRequest):
        world.hold()

    assert world.slot.status is SlotStatus.ACTIVE
    assert world.took_nothing()


def test_hold_is_undone_when_the_code_cannot_be_queued() -> None:
    world = World()
    world.jobs.down = {"send_code"}

    with pytest.raises(Unavailable):
        world.hold()

    assert world.slot.status is SlotStatus.ACTIVE
    assert world.slot.hold is None
    assert world.took_nothing()


def test_slot_can_be_held_again_after_a_hold_was_undone() -> None:
    world = World()
    world.jobs.down = {"send_code"}
    with pytest.raises(Unavailable):
        world.hold()
    world.jobs.down = set()

    answer = world.hold(a_ticket(request="request-2"))

    assert not answer.is_replay
    assert len(world.jobs.codes) == 1


def test_hold_is_undone_when_the_profile_cannot_be_read() -> None:
    world = World()
    world.users.down = {"get_for_code"}

    with pytest.raises(Unavailable):
        world.hold()

    assert world.slot.status is SlotStatus.ACTIVE
    assert world.took_nothing()
    assert world.jobs.codes == []


def test_hold_is_undone_when_its_answer_was_lost() -> None:
    world = World()
    world.slots.answers_lost = {"place_hold"}

    with pytest.raises(Unavailable):
        world.hold()

    assert world.slot.status is SlotStatus.ACTIVE
    assert world.took_nothing()


def test_hold_is_undone_when_the_answer_cannot_be_kept() -> None:
    world = World()
    world.gate.down = {"complete"}

    with pytest.raises(Unavailable):
        world.hold()

    assert world.slot.status is SlotStatus.ACTIVE
    assert world.took_nothing()


def test_undoing_leaves_alone_what_an_earlier_request_holds() -> None:
    world = World()
    world.hold()
    world.gate.lapse(a_ticket())
    world.jobs.down = {"send_code"}

    with pytest.raises(Unavailable):
        world.hold(a_ticket(request="request-2"))

    assert world.slot.hold is not None
    assert world.gate.locks == {SLOT: ATTEMPT}
    assert (ALICE, ATTEMPT) in world.codes.records


def test_nothing_is_told_of_a_hold_that_could_not_be_marked_as_shared() -> None:
    world = World()
    world.hold()
    world.gate.lapse(a_ticket())
    world.slots.down = {"share_hold"}

    with pytest.raises(Unavailable):
        world.hold(a_ticket(request="request-2"))

    assert world.slot.hold is not None
    assert world.gate.locks == {SLOT: ATTEMPT}


def test_refusal_stands_when_nothing_can_be_undone() -> None:
    world = World()
    world.jobs.down = {"send_code"}
    world.slots.down = {"undo_hold"}
    world.gate.down = {"withdraw"}

    with pytest.raises(Unavailable):
        world.hold()

    assert "undo_hold" in world.slots.calls
    assert "withdraw" in world.gate.calls


def test_slot_is_untouched_when_redis_is_down() -> None:
    world = World()
    world.gate.down = {"admit"}

    with pytest.raises(Unavailable):
        world.hold()

    assert world.slots.calls == []
    assert world.jobs.codes == []


def test_nothing_is_kept_when_the_slot_store_is_down() -> None:
    world = World()
    world.slots.down = {"place_hold", "undo_hold"}

    with pytest.raises(Unavailable):
        world.hold()

    assert world.took_nothing()
    assert world.jobs.codes == []
