"""What an attempt costs, and paying for it once its code was accepted."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from slotkeeper.domain.errors import BrokenInvariant, InvalidRequest, RequestInProgress, Unavailable
from slotkeeper.domain.payment import MAY_BEGIN_AGAIN, Price, Saga, SagaState
from slotkeeper.domain.slot import doctor_of
from slotkeeper.services.payment_saga import (
    Booked,
    Overtaken,
    Till,
    authorised,
    booked,
    finished,
)
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.attempt import Attempt
    from slotkeeper.ports.slots import SlotDecision

_UNDER_WAY = "The payment of this attempt is under way."


class Bill(Value):
    """What an attempt costs, and what was paid on it so far."""

    price: Price
    saga: Saga | None
    method: str | None
    till: Till


def bill_of(attempt: Attempt, slot_id: str, method: str | None, till: Till | None) -> Bill | None:
    """What the attempt costs; None if nothing, or where no payment is taken.

    The price is settled when the payment begins: a doctor's new fee is for those who come after.

    Raises:
        InvalidRequest: it costs something, and there is no `method` to pay it by.
        Unavailable: MongoDB did not answer.
    """
    if till is None:
        return None
    fee, saga = till.ends.together(
        lambda: till.fees.fee_of(doctor_of(slot_id)), lambda: till.sagas.find(attempt.id)
    )
    if saga is not None and (saga.state is not SagaState.VOIDED or fee is None):
        price = saga.price
    elif fee is not None:
        price = Price(amount=fee, currency=till.currency)
    else:
        return None
    if method is None and (saga is None or saga.state in MAY_BEGIN_AGAIN):
        raise InvalidRequest([("paymentMethod", "this doctor takes a fee: say how to pay it")])
    return Bill(price, saga, method, till)


def pay_booking(attempt: Attempt, slot: SlotDecision, bill: Bill) -> Booked:
    """Authorise, book, capture: the booking, however far the capture came (the sweep goes on).

    Raises:
        PaymentDeclined: hold and code stay good.
        HoldExpired, BookingNotConfirmed, TooLate: the slot cannot be booked; the money goes back.
        RequestInProgress: another call is at work on this payment.
        Unavailable: the outcome is not known; repeating the call is safe.
    """
    till = bill.till
    try:
        saga = authorised(
            attempt, slot, price=bill.price, method=bill.method, known=bill.saga, till=till
        )
        done = booked(saga, request_id=attempt.request_id, till=till)
    except Overtaken as busy:
        raise RequestInProgress(_UNDER_WAY, retry_after_seconds=1) from busy
    if done.saga is not None:
        # The slot is decided: nothing that goes wrong with the money now changes the answer.
        with suppress(Unavailable, Overtaken, BrokenInvariant):
            finished(done.saga, request_id=attempt.request_id, till=till)
    if done.refusal is not None:
        raise done.refusal
    return done


def ensure_settled(attempt: Attempt, till: Till | None) -> None:
    """Nothing, if no payment of the attempt may yet book its slot.

    Raises RequestInProgress, Unavailable.
    """
    saga = till.sagas.find(attempt.id) if till else None
    if saga is not None and saga.state in {SagaState.AUTHORISING, SagaState.AUTHORISED}:
        raise RequestInProgress(_UNDER_WAY, retry_after_seconds=10)
