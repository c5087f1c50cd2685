"""Paying for a booking: what is done in which order, and what is left when a step fails."""

from __future__ import annotations

from datetime import timedelta

import pytest

from slotkeeper.domain.attempt import Attempt, booking_id
from slotkeeper.domain.errors import (
    HoldExpired,
    InvalidRequest,
    OtpInvalid,
    PaymentDeclined,
    RequestInProgress,
    Unavailable,
)
from slotkeeper.domain.payment import (
    NEXT,
    RESTING,
    LatePayment,
    PaymentStatus,
    Price,
    SagaState,
)
from slotkeeper.domain.slot import SlotStatus
from slotkeeper.services.change_booking import BookingEnds
from slotkeeper.services.payment_saga import Till
from slotkeeper.services.settle_payments import Settlement, settle_payments
from slotkeeper.services.verify_otp import Confirmation, verify_otp
from tests.support.fakes import (
    ALICE,
    ATTEMPT,
    POLICY,
    SLOT,
    FakeBookedSlots,
    FakeClock,
    FakeCodeMaker,
    FakeCodes,
    FakeFailures,
    FakeGate,
    FakeLedger,
    FakePaidSlots,
    FakeProvider,
    FakeRelay,
    FakeSagas,
    FakeSlotPages,
    FakeSlots,
    a_hold,
    a_record,
    a_slot,
    one_by_one,
)

FEE = 5_000


class Fees:
    def __init__(self, fee: int | None = FEE) -> None:
        self.fee = fee

    def fee_of(self, doctor_id: str) -> int | None:
        return self.fee


class World:
    """Alice holds a slot whose doctor takes a fee."""

    def __init__(self, *, late: LatePayment = LatePayment.REFUND, fee: int | None = FEE) -> None:
        self.clock = FakeClock()
        self.slots = FakeSlots(a_slot(hold=a_hold()), clock=self.clock)
        self.codes = FakeCodes()
        self.codes.records[ALICE, ATTEMPT] = a_record()
        self.gate = FakeGate(self.codes)
        self.ledger = FakeLedger()
        self.relay = FakeRelay()
        self.booked = FakeBookedSlots(self.slots, self.ledger)
        self.paid = FakePaidSlots(self.slots)
        self.sagas = FakeSagas()
        self.provider = FakeProvider()
        self.code = FakeCodeMaker().code(a_record())
        self.till = Till(
            provider=lambda: self.provider,
            sagas=self.sagas,
            fees=Fees(fee),
            slots=self.paid,
            gate=self.gate,
            ends=BookingEnds(
                slots=self.booked,
                ledger=self.ledger,
                pages=FakeSlotPages(self.clock),
                relay=self.relay,
                together=one_by_one,
            ),
            currency="eur",
            late=late,
            forbid_overlaps=True,
        )

    def verify(self, method: str | None = "pm_good", code: str | None = None) -> Confirmation:
        return verify_otp(
            attempt=Attempt(id=ATTEMPT, user_id=ALICE, request_id="request-2"),
            code=code or self.code,
            codes=self.codes,
            maker=FakeCodeMaker(),
            failures=FakeFailures(),
            gate=self.gate,
            slots=self.slots,
            booked=self.booked,
            ledger=self.ledger,
            relay=self.relay,
            together=one_by_one,
            policy=POLICY,
            payment_method=method,
            till=self.till,
        )

    def settle(self) -> Settlement:
        self.sagas.leased.clear()
        return settle_payments(request_id="sweep", till=self.till, has_time=lambda: True)

    @property
    def state(self) -> SagaState:
        return self.sagas.sagas[ATTEMPT].state

    @property
    def statuses(self) -> list[PaymentStatus]:
        return [payment.status for payment in self.provider.payments.values()]


def test_the_money_is_reserved_then_the_slot_booked_then_the_money_taken() -> None:
    world = World()

    confirmation = world.verify()

    assert confirmation.is_new
    assert confirmation.booking.payment == Price(amount=FEE, currency="eur")
    assert world.provider.calls == ["open", "authorise", "capture"]
    assert world.sagas.calls == [
        *("find", "begin", "move to authorising", "move to authorised"),
        *("move to capturing", "move to captured"),
    ]
    assert world.paid.calls == ["accept", "confirm"]
    assert world.ledger.bookings[booking_id(ATTEMPT)].payment is not None


def test_no_money_is_asked_for_before_its_payment_is_noted() -> None:
    world = World()
    world.sagas.down = {"move to authorising"}

    with pytest.raises(Unavailable):
        world.verify()

    assert world.provider.calls == ["open"]
    assert world.statuses == [PaymentStatus.OPEN]


def test_no_money_moves_for_a_wrong_code() -> None:
    world = World()

    with pytest.raises(OtpInvalid):
        world.verify(code="wrong!")

    assert world.provider.calls == []
    assert world.paid.calls == []


def test_without_a_method_nothing_is_compared() -> None:
    world = World()

    with pytest.raises(InvalidRequest):
        world.verify(None, code="wrong!")

    assert "count_try" not in world.slots.calls


def test_no_fee_is_no_payment() -> None:
    world = World(fee=None)

    confirmation = world.verify(None)

    assert confirmation.booking.payment is None
    assert world.provider.calls == []


def test_a_decline_leaves_the_hold_for_another_method() -> None:
    world = World()

    with pytest.raises(PaymentDeclined):
        world.verify("pm_declined")

    assert world.state is SagaState.DECLINED
    assert world.verify().is_new
    assert world.statuses == [PaymentStatus.OPEN, PaymentStatus.CAPTURED]


def test_a_lost_answer_is_looked_up_by_the_next_call() -> None:
    world = World()
    world.provider.answers_lost = {"authorise"}
    with pytest.raises(Unavailable):
        world.verify()
    world.provider.calls.clear()

    assert world.verify().is_new

    assert world.provider.calls == ["find", "capture"]
    assert world.statuses == [PaymentStatus.CAPTURED]


def test_a_lost_request_is_cancelled_before_another_is_made() -> None:
    world = World()
    world.provider.down = {"authorise"}
    with pytest.raises(Unavailable):
        world.verify()
    world.provider.down = set()
    world.provider.calls.clear()

    assert world.verify().is_new

    assert world.provider.calls == ["find", "cancel", "open", "authorise", "capture"]
    assert world.statuses == [PaymentStatus.CANCELLED, PaymentStatus.CAPTURED]


def test_a_second_call_meanwhile_is_asked_to_wait() -> None:
    world = World()
    world.provider.answers_lost = {"authorise"}
    with pytest.raises(Unavailable):
        world.verify()
    world.sagas.leased.add(ATTEMPT)

    with pytest.raises(RequestInProgress) as refused:
        world.verify()

    assert refused.value.retry_after_seconds == 1


def test_a_capture_that_fails_is_the_sweep_s() -> None:
    world = World()
    world.provider.down = {"capture"}

    assert world.verify().is_new
    assert world.state is SagaState.CAPTURING

    world.provider.down = set()
    assert world.settle().settled == {SagaState.CAPTURED: 1}


def test_a_hold_that_ended_while_the_bank_thought_gives_the_money_back() -> None:
    world = World()
    world.provider.answers_lost = {"authorise"}
    with pytest.raises(Unavailable):
        world.verify()
    world.clock.advance(POLICY.hold)

    assert world.settle().settled == {SagaState.VOIDED: 1}

    assert world.statuses == [PaymentStatus.CANCELLED]
    assert world.slots.slots[SLOT].status is SlotStatus.RESERVED
    with pytest.raises(HoldExpired):
        world.verify()


def test_a_late_payment_books_a_free_slot_where_that_is_the_rule() -> None:
    world = World(late=LatePayment.IF_STILL_FREE)
    world.provider.answers_lost = {"authorise"}
    with pytest.raises(Unavailable):
        world.verify()
    world.clock.advance(POLICY.hold)

    assert world.settle().settled == {SagaState.CAPTURED: 1}

    assert world.slots.slots[SLOT].status is SlotStatus.BOOKED


def test_a_late_payment_is_given_back_when_the_slot_has_begun() -> None:
    world = World(late=LatePayment.IF_STILL_FREE)
    world.provider.answers_lost = {"authorise"}
    with pytest.raises(Unavailable):
        world.verify()
    world.clock.advance(timedelta(days=1))

    assert world.settle().settled == {SagaState.VOIDED: 1}


def test_one_that_waits_keeps_no_other_waiting_and_the_run_does_not_fail() -> None:
    world = World()
    world.provider.answers_lost = {"authorise"}
    with pytest.raises(Unavailable):
        world.verify()
    world.provider.down = {"find"}

    assert world.settle().waiting == 1


def test_where_no_payment_is_taken_there_is_nothing_to_settle() -> None:
    assert settle_payments(request_id="r", till=None, has_time=lambda: True) == Settlement()


def test_every_state_has_a_way_to_rest() -> None:
    for state in SagaState:
        reached, more = {state}, {state}
        while more:
            more = {after for one in more for after in NEXT[one]} - reached
            reached |= more
        assert reached & RESTING, state
