from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from slotkeeper.domain.attempt import Attempt, attempt_id, booking_id
from slotkeeper.domain.booking import BookingStatus
from slotkeeper.domain.errors import HoldExpired, NotFound, OtpInvalid, OtpLocked, Unavailable
from slotkeeper.domain.slot import Slot, SlotStatus
from slotkeeper.services.record_facts import record_facts
from slotkeeper.services.verify_otp import Confirmation, verify_otp
from tests.support.fakes import (
    ALICE,
    ATTEMPT,
    BOB,
    KEY,
    NOW,
    POLICY,
    SLOT,
    Fake,
    FakeBookedSlots,
    FakeClock,
    FakeCodeMaker,
    FakeCodes,
    FakeFailures,
    FakeGate,
    FakeLedger,
    FakeRelay,
    FakeSlots,
    a_hold,
    a_record,
    a_slot,
    one_by_one,
)

WRONG = "wrong!"


class World:
    """Alice holds the slot and has been sent its first code."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.slots = FakeSlots(a_slot(hold=a_hold()), clock=self.clock)
        self.codes = FakeCodes()
        self.codes.records[ALICE, ATTEMPT] = a_record()
        self.gate = FakeGate(self.codes)
        self.gate.locks[SLOT] = ATTEMPT
        self.gate.places[ALICE] = {ATTEMPT}
        self.ledger = FakeLedger()
        self.relay = FakeRelay()
        self.maker = FakeCodeMaker()
        self.failures = FakeFailures()
        self.code = FakeCodeMaker().code(a_record())

    def verify(
        self,
        code: str | None = None,
        *,
        attempt: str = ATTEMPT,
        user: str = ALICE,
        request: str = "request-2",
    ) -> Confirmation:
        return verify_otp(
            attempt=Attempt(id=attempt, user_id=user, request_id=request),
            code=code or self.code,
            codes=self.codes,
            maker=self.maker,
            failures=self.failures,
            gate=self.gate,
            slots=self.slots,
            booked=FakeBookedSlots(self.slots, self.ledger),
            ledger=self.ledger,
            relay=self.relay,
            together=one_by_one,
            policy=POLICY,
        )

    def fail(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises(OtpInvalid):
                self.verify(WRONG)

    @property
    def slot(self) -> Slot:
        return self.slots.slots[SLOT]

    @property
    def tries_in_slot(self) -> int:
        assert self.slot.hold is not None
        return self.slot.hold.tries

    def all_calls(self) -> list[str]:
        fakes: list[Fake] = [
            self.codes,
            self.maker,
            self.gate,
            self.slots,
            self.ledger,
            self.relay,
        ]
        return [call for fake in fakes for call in fake.calls]


# --- the right code -------------------------------------------------------------------------------


def test_right_code_books_the_slot() -> None:
    world = World()

    confirmed = world.verify()

    assert confirmed.is_new
    assert confirmed.booking.id == booking_id(ATTEMPT)
    assert confirmed.booking.status is BookingStatus.CONFIRMED
    assert (confirmed.booking.user_id, confirmed.booking.slot_id) == (ALICE, SLOT)
    assert world.slot.status is SlotStatus.BOOKED


def test_confirmation_is_recorded_as_one_booking_and_one_fact() -> None:
    world = World()

    confirmed = world.verify()

    assert world.ledger.bookings == {confirmed.booking.id: confirmed.booking}
    [fact] = world.ledger.facts.values()
    assert (fact.type, fact.booking_id) == ("booking.confirmed", confirmed.booking.id)


def test_confirmation_gives_back_lock_seed_and_place_and_wakes_the_relay() -> None:
    world = World()

    world.verify()

    assert world.gate.locks == {}
    assert world.codes.records == {}
    assert world.gate.places[ALICE] == set()
    assert world.relay.calls == ["wake"]


def test_confirmation_survives_redis_failing_to_forget() -> None:
    world = World()
    world.gate.down = {"forget"}

    confirmed = world.verify()

    assert confirmed.is_new
    assert world.ledger.bookings


def test_confirmation_survives_the_relay_not_waking() -> None:
    world = World()
    world.relay.down = {"wake"}

    confirmed = world.verify()

    assert confirmed.is_new


def test_confirmation_does_not_need_the_lock() -> None:
    world = World()
    world.gate.locks.clear()

    confirmed = world.verify()

    assert confirmed.is_new


def test_decision_that_could_not_be_recorded_is_answered_as_unavailable_and_kept() -> None:
    world = World()
    world.ledger.down = {"record"}

    with pytest.raises(Unavailable):
        world.verify()

    assert world.slot.status is SlotStatus.BOOKED
    assert [fact.type for fact in world.slots.pending] == ["booking.confirmed"]


# --- repeated -------------------------------------------------------------------------------------


def test_repeated_call_answers_the_same_booking_and_not_as_new() -> None:
    world = World()
    first = world.verify()

    again = world.verify(request="request-3")

    assert again == Confirmation(first.booking, is_new=False)
    assert len(world.ledger.facts) == 1


def test_repeated_call_after_the_sweep_answers_the_same_booking() -> None:
    world = World()
    first = world.verify()
    record_facts(slots=world.slots, ledger=world.ledger, gate=world.gate)

    again = world.verify(request="request-3")

    assert again == Confirmation(first.booking, is_new=False)
    assert world.slots.pending == []


def test_call_repeated_while_the_seed_is_still_there_answers_the_same_booking() -> None:
    world = World()
    world.gate.down = {"forget"}
    first = world.verify()

    again = world.verify(request="request-3")

    assert again == Confirmation(first.booking, is_new=False)


def test_call_repeated_after_a_failure_to_record_completes_the_decision() -> None:
    world = World()
    world.ledger.down = {"record"}
    with pytest.raises(Unavailable):
        world.verify()
    world.ledger.down = set()

    again = world.verify(request="request-3")

    assert list(world.ledger.bookings) == [again.booking.id]
    assert len(world.ledger.facts) == 1


def test_call_repeated_after_the_answer_was_lost_answers_the_booking() -> None:
    world = World()
    world.slots.answers_lost = {"confirm"}
    with pytest.raises(Unavailable):
        world.verify()
    world.slots.answers_lost = set()

    again = world.verify(request="request-3")

    assert not again.is_new
    assert list(world.ledger.bookings) == [again.booking.id]


# --- the wrong code -------------------------------------------------------------------------------


def test_wrong_code_is_counted_in_both_stores() -> None:
    world = World()

    with pytest.raises(OtpInvalid) as refused:
        world.verify(WRONG)

    assert refused.value.attempts_remaining == 4
    assert world.codes.tries[ALICE, ATTEMPT] == 1
    assert world.codes.failures[ALICE] == 1
    assert world.tries_in_slot == 1
    assert world.slot.status is SlotStatus.RESERVED


def test_right_code_works_up_to_the_last_try() -> None:
    world = World()
    world.fail(POLICY.max_tries - 1)

    confirmed = world.verify()

    assert confirmed.is_new


def test_last_wrong_code_says_that_none_are_left() -> None:
    world = World()
    world.fail(POLICY.max_tries - 1)

    with pytest.raises(OtpInvalid) as refused:
        world.verify(WRONG)

    assert refused.value.attempts_remaining == 0


def test_right_code_after_the_last_try_is_locked_out_until_the_hold_is_over() -> None:
    world = World()
    world.fail(POLICY.max_tries)

    with pytest.raises(OtpLocked) as refused:
        world.verify()

    assert refused.value.retry_after_seconds == 300
    assert world.slot.status is SlotStatus.RESERVED
    assert world.ledger.bookings == {}


def test_no_more_guesses_are_compared_than_there_are_tries_whatever_mongodb_has_counted() -> None:
    """As when a hundred are on their way at once, and none has been counted in MongoDB yet."""
    world = World()
    world.slots.down = {"count_try"}

    for guess in range(100):
        with pytest.raises((Unavailable, OtpLocked)):
            world.verify(f"guess-{guess}")

    assert world.maker.calls.count("code") == POLICY.max_tries
    assert world.tries_in_slot == 0


def test_guess_that_is_not_compared_counts_as_a_wrong_one() -> None:
    world = World()
    world.codes.guesses[ALICE, ATTEMPT] = [[str(guess)] for guess in range(POLICY.max_tries)]

    with pytest.raises(OtpInvalid):
        world.verify()

    assert "code" not in world.maker.calls
    assert world.tries_in_slot == 1


def test_right_code_sent_again_and_again_is_one_guess() -> None:
    world = World()
    world.slots.down = {"confirm"}
    for _ in range(POLICY.max_tries + 1):
        with pytest.raises(Unavailable):
            world.verify()
    world.slots.down = set()

    assert world.verify().is_new


def test_wrong_code_is_counted_where_losing_redis_gives_none_back() -> None:
    world = World()

    world.fail(3)

    assert world.failures.of == {ALICE: 3}


def test_right_code_ends_the_row_of_wrong_ones() -> None:
    world = World()
    world.fail(3)

    world.verify()

    assert world.codes.failures == {}


@pytest.mark.parametrize("key", [None, "gone"])
def test_code_without_a_key_is_one_that_nobody_was_sent(key: str | None) -> None:
    world = World()
    world.codes.records[ALICE, ATTEMPT] = replace(a_record(), key_id=key)
    world.maker.gone = {"gone"}

    with pytest.raises(OtpInvalid) as refused:
        world.verify()

    assert refused.value.attempts_remaining == 4
    assert world.tries_in_slot == 1


def test_nothing_is_compared_or_counted_as_wrong_while_keys_cannot_be_had() -> None:
    world = World()
    world.maker.down = {"marks", "code"}

    with pytest.raises(Unavailable):
        world.verify()

    assert world.tries_in_slot == 0
    assert world.failures.of == {}


def test_booking_is_found_while_keys_cannot_be_had() -> None:
    world = World()
    first = world.verify()
    world.maker.down = {"marks", "code"}

    assert world.verify(request="request-3") == Confirmation(first.booking, is_new=False)


def test_call_past_the_last_is_locked_out_before_any_comparison() -> None:
    world = World()
    world.codes.tries[ALICE, ATTEMPT] = POLICY.max_calls

    with pytest.raises(OtpLocked) as refused:
        world.verify()

    assert refused.value.retry_after_seconds == 240
    assert "code" not in world.maker.calls
    assert world.slots.calls == []


def test_right_code_is_answered_however_often_it_was_called_before() -> None:
    world = World()
    world.codes.tries[ALICE, ATTEMPT] = POLICY.max_calls - 1

    confirmed = world.verify()

    assert confirmed.is_new


def test_wrong_codes_past_the_last_try_all_get_the_same_answer() -> None:
    world = World()
    world.fail(POLICY.max_tries)

    for _ in range(POLICY.max_tries):
        with pytest.raises(OtpLocked):
            world.verify(WRONG)

    assert world.tries_in_slot == POLICY.max_tries + 1


def test_right_and_wrong_code_get_the_same_answer_once_locked() -> None:
    world = World()
    world.fail(POLICY.max_tries)

    answers = []
    for code in (world.code, WRONG):
        with pytest.raises(OtpLocked) as refused:
            world.verify(code)
        answers.append((refused.value.detail, refused.value.retry_after_seconds))

    assert answers[0] == answers[1]


def test_failures_across_attempts_lock_the_patient_out_before_any_comparison() -> None:
    world = World()
    world.codes.failures[ALICE] = POLICY.max_failures_per_user

    with pytest.raises(OtpLocked) as refused:
        world.verify()

    assert refused.value.retry_after_seconds == 1800
    assert "code" not in world.maker.calls
    assert world.slots.calls == []


def test_flushed_redis_gives_no_try_back() -> None:
    world = World()
    world.fail(POLICY.max_tries)
    world.codes.tries.clear()
    world.codes.failures.clear()

    with pytest.raises(OtpLocked) as refused:
        world.verify()

    assert refused.value.retry_after_seconds == 300
    assert world.slot.status is SlotStatus.RESERVED


def test_wrong_code_past_the_last_try_is_locked_after_a_flush_too() -> None:
    world = World()
    world.fail(POLICY.max_tries)
    world.codes.tries.clear()

    with pytest.raises(OtpLocked):
        world.verify(WRONG)


def test_wrong_code_is_not_answered_until_it_is_counted() -> None:
    world = World()
    world.slots.down = {"count_try"}

    with pytest.raises(Unavailable):
        world.verify(WRONG)

    assert world.codes.failures[ALICE] == 1


# --- codes that no longer work --------------------------------------------------------------------


def test_superseded_code_is_a_wrong_code() -> None:
    world = World()
    world.codes.records[ALICE, ATTEMPT] = a_record(send_number=2)

    with pytest.raises(OtpInvalid):
        world.verify()


def test_code_of_another_send_than_the_slots_newest_is_refused() -> None:
    world = World()
    world.codes.records[ALICE, ATTEMPT] = a_record(send_number=2)  # the slot's count is 1

    with pytest.raises(OtpInvalid):
        world.verify(FakeCodeMaker().code(a_record(send_number=2)))

    assert world.slot.status is SlotStatus.RESERVED


def test_hold_that_is_over_cannot_be_confirmed() -> None:
    world = World()
    world.clock.advance(POLICY.hold)

    with pytest.raises(HoldExpired):
        world.verify()

    assert world.slot.status is SlotStatus.RESERVED
    assert world.ledger.bookings == {}


def test_slot_that_went_to_another_attempt_cannot_be_confirmed() -> None:
    world = World()
    other = a_hold(attempt=attempt_id(BOB, KEY, SLOT), user=BOB)
    world.slots.slots[SLOT] = a_slot(hold=other)

    with pytest.raises(HoldExpired):
        world.verify()

    assert world.slot.hold == other


def test_wrong_code_does_not_count_against_another_attempts_hold() -> None:
    world = World()
    other = a_hold(attempt=attempt_id(BOB, KEY, SLOT), user=BOB)
    world.slots.slots[SLOT] = a_slot(hold=other)

    with pytest.raises(HoldExpired):
        world.verify(WRONG)

    assert world.slot.hold == other


def test_seed_lost_with_redis_leaves_the_hold_for_a_resend() -> None:
    world = World()
    world.codes.records.clear()

    with pytest.raises(OtpInvalid) as refused:
        world.verify()

    assert refused.value.attempts_remaining == POLICY.max_tries
    assert world.slot.status is SlotStatus.RESERVED


def test_attempt_of_which_nothing_is_left_has_expired() -> None:
    world = World()
    world.codes.records.clear()
    world.slots.slots[SLOT] = a_slot()

    with pytest.raises(HoldExpired):
        world.verify()


# --- somebody else's ------------------------------------------------------------------------------


@pytest.mark.parametrize("attempt", [ATTEMPT, "at_", "bk_1", "x"])
def test_foreign_attempt_is_not_found_without_any_call(attempt: str) -> None:
    world = World()

    with pytest.raises(NotFound):
        world.verify(attempt=attempt, user=BOB)

    assert world.all_calls() == []


# --- servers down ---------------------------------------------------------------------------------


def test_redis_down_is_unavailable_and_decides_nothing() -> None:
    world = World()
    world.codes.down = {"count_try"}

    with pytest.raises(Unavailable):
        world.verify()

    assert world.slots.calls == []


def test_keys_out_of_reach_are_unavailable_and_decide_nothing() -> None:
    world = World()
    world.maker.down = {"code"}

    with pytest.raises(Unavailable):
        world.verify()

    assert world.slots.calls == []
    assert world.codes.failures == {}


def test_slot_store_down_is_unavailable() -> None:
    world = World()
    world.slots.down = {"confirm"}

    with pytest.raises(Unavailable):
        world.verify()

    assert world.ledger.bookings == {}


def test_code_that_is_over_before_its_hold_is_refused() -> None:
    world = World()
    world.clock.advance(timedelta(minutes=1))
    over = replace(a_hold(), code_expires_at=NOW + timedelta(minutes=1))
    world.slots.slots[SLOT] = a_slot(hold=over)

    with pytest.raises(OtpInvalid):
        world.verify()

    assert world.slot.status is SlotStatus.RESERVED
