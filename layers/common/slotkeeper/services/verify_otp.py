"""Check a patient's code and turn the hold into a booking."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from slotkeeper.domain.attempt import Attempt, booking_id
from slotkeeper.domain.booking import ENDS, Booking, booking_of
from slotkeeper.domain.errors import (
    AppointmentError,
    BookingNotConfirmed,
    HoldExpired,
    NotFound,
    OtpInvalid,
    OtpLocked,
    TooLate,
    Unavailable,
)
from slotkeeper.domain.slot import seconds_until
from slotkeeper.ports.codes import CodeMaker, CodeRecord, CodeStore, CodeTry, Failures, KeyGone
from slotkeeper.services.access import ensure_own
from slotkeeper.services.pay_booking import bill_of, ensure_settled, pay_booking
from slotkeeper.services.record_facts import record_end
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.policy import BookingPolicy
    from slotkeeper.ports.bookings import Ledger
    from slotkeeper.ports.common import Together
    from slotkeeper.ports.holds import HoldGate
    from slotkeeper.ports.notifications import RelayWaker
    from slotkeeper.ports.slots import BookedSlots, SlotDecision, SlotStore
    from slotkeeper.services.payment_saga import Till


class Confirmation(Value):
    booking: Booking
    is_new: bool


def verify_otp(
    *,
    attempt: Attempt,
    code: str,
    codes: CodeStore,
    maker: CodeMaker,
    failures: Failures,
    gate: HoldGate,
    slots: SlotStore,
    booked: BookedSlots,
    ledger: Ledger,
    relay: RelayWaker,
    together: Together,
    policy: BookingPolicy,
    payment_method: str | None = None,
    till: Till | None = None,
) -> Confirmation:
    """Book the held slot if `code` is the attempt's newest code.

    The decision is one conditional update of the slot (ADR 0002); booking, outbox event and audit
    entry follow from it and are completed by the sweep if this function dies. A repeated call
    answers the same booking. A hold that replaces a booking is confirmed with it, or not at all.

    A guess is counted before it is compared: however many are made at once, no more different ones
    are compared than there are tries, and the others count as wrong. Whether a code fits is told
    only by a conditional update that counts as well: right codes while tries are left, wrong ones
    up to the limit. So a lost Redis gives no further answer, either.

    Where a `till` is given and the doctor takes a fee, that update only accepts the code; the slot
    is booked when the payment is authorised (ADR 0005).

    Raises:
        NotFound: not this patient's attempt.
        OtpInvalid, OtpLocked: wrong code, or too many of them.
        HoldExpired: the slot is no longer held by this attempt.
        BookingNotConfirmed, TooLate: the booking to be replaced cannot give way any more.
        InvalidRequest: the doctor takes a fee, and there is no `payment_method`.
        PaymentDeclined: hold and code stay good.
        RequestInProgress: another call is at work on the payment.
        Unavailable: a server did not answer; repeating the call is safe.
    """
    ensure_own(attempt)
    marks = _marks(attempt, code, maker)
    tried = codes.count_try(user_id=attempt.user_id, attempt_id=attempt.id, marks=marks)
    record = tried.record
    decision: SlotDecision | None
    given_back: SlotDecision | None = None
    if record is None:
        # Booked already, over, or lost with Redis, when only a resend helps.
        decision = slots.find_attempt(attempt.id)
    else:
        bill = bill_of(attempt, record.slot_id, payment_method, till)
        _ensure_may_try(tried, policy)
        if not _fits(code, record, tried, maker, is_known=bool(marks)):
            decision = _wrong(attempt, record, codes, failures, slots, together=together)
        elif bill is not None:
            decision = _accepted(attempt, record, bill.till)
            if decision is not None and decision.made:
                paid = pay_booking(attempt, decision, bill)
                if paid.booking is not None:
                    return Confirmation(paid.booking, is_new=paid.is_new)
                decision = None
        else:
            decision, given_back = _confirmed(attempt, record, slots, booked, ledger)
    if decision is None:
        # Or free again, and removed by the clinic since.
        return _recorded(attempt, ledger, till)
    fact = decision.event
    if fact is None:
        return _recorded_or_refused(attempt, decision, ledger, policy, till)
    decisions = [decision, given_back] if given_back else [decision]
    record_end(*decisions, ended=fact, ledger=ledger, gate=gate, together=together)
    with suppress(Unavailable):
        relay.wake()
    if not decision.made:
        return _recorded(attempt, ledger)
    return Confirmation(booking_of(decision.slot, fact), is_new=True)


def _marks(attempt: Attempt, code: str, maker: CodeMaker) -> Sequence[str]:
    """None where keys cannot be had: nothing can be compared then, but a booking is still found."""
    try:
        return maker.marks(attempt.id, code)
    except Unavailable:
        return []


def _ensure_may_try(tried: CodeTry, policy: BookingPolicy) -> None:
    if tried.failures >= policy.max_failures_per_user:
        raise OtpLocked(retry_after_seconds=tried.failures_lapse_in)
    if tried.number > policy.max_calls:
        raise OtpLocked(retry_after_seconds=tried.record_lapses_in)


def _fits(
    code: str, record: CodeRecord, tried: CodeTry, maker: CodeMaker, *, is_known: bool
) -> bool:
    """Whether it is the code, if it may be compared. Raises Unavailable: nobody knows."""
    if not is_known:
        raise Unavailable
    if not tried.may_compare:
        return False
    try:
        return hmac.compare_digest(maker.code(record), code)
    except KeyGone:
        # No code was sent yet, or its key was taken away.
        return False


def _confirmed(
    attempt: Attempt, record: CodeRecord, slots: SlotStore, booked: BookedSlots, ledger: Ledger
) -> tuple[SlotDecision | None, SlotDecision | None]:
    """Confirm the hold; the decisions on its slot and on that of the booking it replaces."""
    try:
        decision = slots.confirm(
            record.slot_id,
            attempt_id=attempt.id,
            user_id=attempt.user_id,
            send_number=record.send_number,
            booking_id=booking_id(attempt.id),
            request_id=attempt.request_id,
        )
    except NotFound:
        return None, None
    hold = decision.slot.live_hold_of(attempt, decision.now)
    if hold is None or hold.replaces is None:
        return decision, None
    ends = [told for told in decision.facts if told.type in ENDS]
    if ends:
        # The slot's earlier booking must be seen to have ended before the next one begins.
        ledger.record(bookings=[], facts=ends)
    return _swapped(attempt, record, hold.replaces, booked, ledger)


def _wrong(
    attempt: Attempt,
    record: CodeRecord,
    codes: CodeStore,
    failures: Failures,
    slots: SlotStore,
    *,
    together: Together,
) -> SlotDecision | None:
    """Count the wrong code, against the hold and against the patient; None as in `_accepted`."""
    decision: SlotDecision
    try:
        decision, *_ = together(
            lambda: slots.count_try(record.slot_id, attempt_id=attempt.id, user_id=attempt.user_id),
            lambda: codes.count_failure(user_id=attempt.user_id),
            lambda: failures.count(user_id=attempt.user_id),
        )
    except NotFound:
        return None
    return decision


def _accepted(attempt: Attempt, record: CodeRecord, till: Till) -> SlotDecision | None:
    """The slot once the right code is noted; None if the clinic has removed it since."""
    try:
        return till.slots.accept(
            record.slot_id,
            attempt_id=attempt.id,
            user_id=attempt.user_id,
            send_number=record.send_number,
            request_id=attempt.request_id,
        )
    except NotFound:
        return None


def _swapped(
    attempt: Attempt, record: CodeRecord, old_id: str, booked: BookedSlots, ledger: Ledger
) -> tuple[SlotDecision, SlotDecision | None]:
    """Confirm the hold in the old booking's place; the decisions on the new and the old slot."""
    old = ledger.booking(old_id)
    if old is None:
        raise BookingNotConfirmed
    swap = booked.swap(
        record.slot_id,
        old,
        attempt_id=attempt.id,
        send_number=record.send_number,
        booking_id=booking_id(attempt.id),
        request_id=attempt.request_id,
    )
    if swap.new is not None:
        return swap.new, swap.old
    raise TooLate if swap.old and swap.old.slot.is_booked_by(old_id) else BookingNotConfirmed


def _recorded_or_refused(
    attempt: Attempt,
    decision: SlotDecision,
    ledger: Ledger,
    policy: BookingPolicy,
    till: Till | None,
) -> Confirmation:
    refused = refusal(attempt, decision, policy)
    if isinstance(refused, HoldExpired):
        # Or booked, which nothing but the booking still tells.
        return _recorded(attempt, ledger, till)
    raise refused


def _recorded(attempt: Attempt, ledger: Ledger, till: Till | None = None) -> Confirmation:
    booking = ledger.booking(booking_id(attempt.id))
    if booking is None:
        ensure_settled(attempt, till)
        raise HoldExpired
    return Confirmation(booking, is_new=False)


def refusal(attempt: Attempt, decision: SlotDecision, policy: BookingPolicy) -> AppointmentError:
    """Why the attempt was not confirmed, from the slot as the database saw it."""
    hold = decision.slot.live_hold_of(attempt, decision.now)
    if hold is None:
        return HoldExpired()
    if hold.tries >= policy.max_tries and not decision.made:
        return OtpLocked(retry_after_seconds=seconds_until(hold.expires_at, decision.now))
    return OtpInvalid(policy.max_tries - hold.tries)
