"""The steps of a payment: each may be repeated, and each leaves a state to go on from (ADR 0005).

Whoever calls a step holds the saga (`SagaStore`) and goes on with the one the step returns. A step
that ends with `Unavailable` does not know what became of it: the next holder finds out. No step
asks the provider for money a second time before it knows that the first time took none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from slotkeeper.domain.attempt import Attempt, booking_id
from slotkeeper.domain.booking import (
    CANCEL,
    ENDS,
    Booking,
    BookingChange,
    BookingStatus,
    booking_of,
)
from slotkeeper.domain.errors import (
    AppointmentError,
    BookingNotConfirmed,
    HoldExpired,
    InvalidRequest,
    NotFound,
    PaymentDeclined,
    TooLate,
    Unavailable,
)
from slotkeeper.domain.events import SYSTEM
from slotkeeper.domain.payment import (
    MAY_BEGIN_AGAIN,
    LatePayment,
    PaymentStatus,
    Price,
    Saga,
    SagaState,
)
from slotkeeper.services.change_booking import BookingEnds, end_booking
from slotkeeper.services.record_facts import record_end
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.ports.holds import HoldGate
    from slotkeeper.ports.payments import Fees, PaidSlots, PaymentProvider, SagaStore
    from slotkeeper.ports.slots import SlotDecision


class Till(Value, kw_only=True):
    """The ports through which bookings are paid, and the rules of it."""

    provider: Callable[[], PaymentProvider]
    """Made when it is needed: its library is slow to load, and most calls move no money."""
    sagas: SagaStore
    fees: Fees
    slots: PaidSlots
    gate: HoldGate
    ends: BookingEnds
    currency: str
    late: LatePayment
    forbid_overlaps: bool


class Overtaken(Exception):
    """The saga is somebody else's by now: another call's, the sweep's, or its booking ended."""


class Booked(Value):
    """What became of an authorised payment's slot; `refusal` is why it was not booked."""

    saga: Saga | None
    """None where it is somebody else's by now."""
    booking: Booking | None = None
    is_new: bool = False
    refusal: AppointmentError | None = None


# --- authorise ------------------------------------------------------------------------------------


def authorised(
    attempt: Attempt,
    slot: SlotDecision,
    *,
    price: Price,
    method: str | None,
    known: Saga | None,
    till: Till,
) -> Saga:
    """The attempt's saga with its payment authorised, held by the caller.

    The slot is as `PaidSlots.accept` answered it. One call at a time works on an attempt's payment:
    another one, at the same moment or after one whose outcome is not known, first finds out what
    became of that.

    Raises:
        PaymentDeclined: and nothing is reserved.
        InvalidRequest: it must be asked for anew, and `method` does not say how.
        Overtaken: another call is at work on it.
        Unavailable: the outcome is not known; repeating the call is safe.
    """
    assert slot.slot.hold is not None
    replaces = slot.slot.hold.replaces
    saga = known
    if saga is not None and saga.state not in MAY_BEGIN_AGAIN:
        saga = _taken_over(saga, till)
        if saga.state not in MAY_BEGIN_AGAIN:
            return saga
    if method is None:
        raise InvalidRequest([("paymentMethod", "the payment failed: say how to pay")])
    if saga is None:
        saga = till.sagas.begin(_new(attempt, slot, price, replaces))
    else:
        saga = till.sagas.move(saga, SagaState.AUTHORISING, price=price, replaces=replaces)
    return _asked(_held(saga), method, till)


def _taken_over(saga: Saga, till: Till) -> Saga:
    if saga.state not in {SagaState.AUTHORISING, SagaState.AUTHORISED}:
        raise Overtaken
    saga = _held(till.sagas.take(saga))
    if saga.state is SagaState.AUTHORISED:
        return saga
    try:
        return resolved(saga, till)
    except Unavailable:
        with suppress(Unavailable):
            till.sagas.let_go(saga)
        raise


def resolved(saga: Saga, till: Till) -> Saga:
    """The saga whose payment may have been asked for, when it is known what became of that.

    Authorised, or voided for good: a request that is still on its way to the provider finds
    the payment cancelled. Raises Unavailable, Overtaken.
    """
    if saga.payment_id is None:
        # Nobody can have asked for the money: that is done only by an id that is noted here.
        return _held(till.sagas.move(saga, SagaState.VOIDED))
    payment = till.provider().find(saga.payment_id)
    if payment.status in {PaymentStatus.AUTHORISED, PaymentStatus.CAPTURED}:
        right = payment.price == saga.price
        return _held(till.sagas.move(saga, SagaState.AUTHORISED if right else SagaState.VOIDING))
    payment = till.provider().cancel(saga.payment_id)
    is_void = payment.status is PaymentStatus.CANCELLED
    return _held(till.sagas.move(saga, SagaState.VOIDED if is_void else SagaState.VOIDING))


def _new(attempt: Attempt, slot: SlotDecision, price: Price, replaces: str | None) -> Saga:
    return Saga(
        id=attempt.id,
        slot_id=slot.slot.id,
        doctor_id=slot.slot.doctor_id,
        user_id=attempt.user_id,
        booking_id=booking_id(attempt.id),
        price=price,
        state=SagaState.AUTHORISING,
        payment_id=None,
        try_=1,
        version=1,
        created_at=slot.now,
        updated_at=slot.now,
        replaces=replaces,
    )


def _asked(saga: Saga, method: str, till: Till) -> Saga:
    try:
        payment_id = till.provider().open(saga)
        # Before the money is asked for: whoever comes next can find out by it what happened.
        saga = _held(till.sagas.move(saga, saga.state, payment_id=payment_id))
        payment = till.provider().authorise(payment_id, method=method, key=saga.key("authorise"))
    except PaymentDeclined:
        till.sagas.move(saga, SagaState.DECLINED)
        raise
    except Unavailable:
        with suppress(Unavailable):
            till.sagas.let_go(saga)
        raise
    if payment.status is PaymentStatus.AUTHORISED and payment.price == saga.price:
        return _held(till.sagas.move(saga, SagaState.AUTHORISED))
    # Not what was asked for: nothing we could book on.
    saga = _held(till.sagas.move(saga, SagaState.VOIDING))
    with suppress(Unavailable, Overtaken):
        finished(saga, request_id="", till=till)
    raise PaymentDeclined


def _held(saga: Saga | None) -> Saga:
    if saga is None:
        raise Overtaken
    return saga


# --- book -----------------------------------------------------------------------------------------


def booked(saga: Saga, *, request_id: str, till: Till) -> Booked:
    """Book the slot of an authorised payment; what it could not be booked for, where it could not.

    Raises:
        Unavailable: MongoDB did not answer; whether it is booked the next holder finds out.
        Overtaken: the patient changed their mind at this moment.
    """
    decision = _confirmed(saga, request_id, till)
    decisions: Sequence[SlotDecision] = [decision] if decision else []
    refusal: AppointmentError = HoldExpired()
    hold = decision.slot.live_hold(decision.now) if decision else None
    if decision and hold and hold.attempt_id == saga.id and hold.replaces is not None:
        try:
            decisions = _swapped(saga, decision, request_id, till)
        except (BookingNotConfirmed, TooLate) as stays:
            refusal = stays
    if not (decisions and decisions[0].event):
        if _was_booked(saga, decision, till):
            return _paid(saga, till)
        decisions = _late(saga, decision, request_id, till)
    if not decisions:
        return Booked(till.sagas.move(saga, SagaState.VOIDING), refusal=refusal)
    return _recorded(saga, decisions, till)


def _confirmed(saga: Saga, request_id: str, till: Till) -> SlotDecision | None:
    """The slot after the attempt to book it in time; None if the clinic has removed it since."""
    try:
        return till.slots.confirm(saga, request_id=request_id)
    except NotFound:
        return None


def _swapped(
    saga: Saga, decision: SlotDecision, request_id: str, till: Till
) -> Sequence[SlotDecision]:
    """The decisions on the new and the old slot, if the hold could be confirmed.

    Raises BookingNotConfirmed, TooLate: the old booking cannot give way any more.
    """
    ledger = till.ends.ledger
    ends = [told for told in decision.facts if told.type in ENDS]
    if ends:
        # The slot's earlier booking must be seen to have ended before the next one begins.
        ledger.record(bookings=[], facts=ends)
    old = ledger.booking(saga.replaces) if saga.replaces else None
    if old is None:
        raise BookingNotConfirmed
    swap = till.ends.slots.swap_paid(saga, old, request_id=request_id)
    if swap.new is None:
        raise TooLate if swap.old and swap.old.slot.is_booked_by(old.id) else BookingNotConfirmed
    return [found for found in (swap.new, swap.old) if found is not None]


def _was_booked(saga: Saga, decision: SlotDecision | None, till: Till) -> bool:
    """Whether an earlier holder booked the slot and did not live to say so."""
    if decision is not None and (
        decision.slot.is_booked_by(saga.booking_id)
        or any(fact.booking_id == saga.booking_id for fact in decision.facts)
    ):
        return True
    return till.ends.ledger.booking(saga.booking_id) is not None


def _paid(saga: Saga, till: Till) -> Booked:
    """Booked earlier, and recorded by whoever records facts. If it has ended since, so will this:
    the end, when it is recorded, gives back what is taken now."""
    booking = till.ends.ledger.booking(saga.booking_id)
    is_over = booking is not None and booking.status in {
        BookingStatus.CANCELLED,
        BookingStatus.RESCHEDULED,
    }
    to = SagaState.VOIDING if is_over else SagaState.CAPTURING
    return Booked(till.sagas.move(saga, to), booking)


def _late(
    saga: Saga, decision: SlotDecision | None, request_id: str, till: Till
) -> Sequence[SlotDecision]:
    """Book the slot although the hold is over, if that is the rule and nobody is in the way.

    The slot must not have changed since it was seen: whoever decides that the payment is given
    back does so because somebody else has the slot (it has changed then), because it has begun (it
    stays so), or because the patient let it go (which the saga is told before the slot changes).
    """
    if till.late is not LatePayment.IF_STILL_FREE or saga.replaces or decision is None:
        return []
    fresh = till.sagas.find(saga.id)
    if fresh is None or fresh.version != saga.version:
        raise Overtaken
    if fresh.is_withdrawn or _is_busy_then(saga, decision, till):
        return []
    late = till.slots.confirm_late(saga, version=decision.slot.version, request_id=request_id)
    return [late] if late.event else []


def _is_busy_then(saga: Saga, decision: SlotDecision, till: Till) -> bool:
    """Whether the patient has made another appointment at that time meanwhile."""
    slot = decision.slot
    if not till.forbid_overlaps:
        return False
    found = till.ends.ledger.bearing_on_hold(saga.user_id, ids=[], around=slot.start_time)
    return any(
        booking.status is BookingStatus.CONFIRMED
        and slot.overlaps(booking.start_time, booking.end_time)
        for booking in found
    )


def _recorded(saga: Saga, decisions: Sequence[SlotDecision], till: Till) -> Booked:
    first, ends = decisions[0], till.ends
    fact = first.event
    assert fact is not None
    _, moved = ends.together(
        lambda: record_end(
            *decisions, ended=fact, ledger=ends.ledger, gate=till.gate, together=ends.together
        ),
        lambda: till.sagas.move(saga, SagaState.CAPTURING),
    )
    with suppress(Unavailable):
        ends.relay.wake()
    return Booked(moved, booking_of(first.slot, fact), is_new=first.made)


# --- take the money, or give it back --------------------------------------------------------------


def finished(saga: Saga, *, request_id: str, till: Till) -> Saga:
    """The saga at rest: the money of a booked slot taken, that of any other given back.

    Raises Unavailable, Overtaken: the sweep goes on.
    """
    while not saga.is_resting:
        if saga.state is SagaState.CAPTURING:
            saga = _captured(saga, request_id, till)
        else:
            saga = _given_back(saga, till)
    return saga


def _captured(saga: Saga, request_id: str, till: Till) -> Saga:
    assert saga.payment_id is not None
    payment = till.provider().capture(saga.payment_id)
    if payment.status is PaymentStatus.CAPTURED:
        return _held(till.sagas.move(saga, SagaState.CAPTURED))
    # What was reserved is gone (it lapses after some days): no booking stays without payment.
    return _held(till.sagas.take(_ended_unpaid(saga, request_id, till)))


def _ended_unpaid(saga: Saga, request_id: str, till: Till) -> Saga:
    """The saga after its booking was cancelled because it cannot be paid for."""
    booking = till.ends.ledger.booking(saga.booking_id)
    if booking is None:
        raise Unavailable  # decided, not yet recorded: the relay does it
    asked = BookingChange(
        transition=CANCEL,
        actor=SYSTEM,
        request_id=request_id,
        request_key=saga.key("unpaid"),
        reason="The payment could not be taken.",
    )
    with suppress(BookingNotConfirmed):
        end_booking(booking, asked, ahead=None, expected=None, ends=till.ends)
    found = _held(till.sagas.find(saga.id))
    if found.state is SagaState.CAPTURING:
        raise Unavailable  # ended by somebody else, not yet recorded
    return found


def _given_back(saga: Saga, till: Till) -> Saga:
    if saga.payment_id is None:
        return _held(till.sagas.move(saga, SagaState.VOIDED))
    payment = till.provider().cancel(saga.payment_id)
    if payment.status is PaymentStatus.CANCELLED:
        return _held(till.sagas.move(saga, SagaState.VOIDED))
    till.provider().refund(saga.payment_id)
    return _held(till.sagas.move(saga, SagaState.REFUNDED))
