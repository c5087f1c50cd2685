"""Check a patient's code and turn the hold into a booking."""

from __future__ import annotations

import hmac
from contextlib import suppress
from dataclasses import dataclass

from slotkeeper.domain.attempt import Attempt, booking_id, is_attempt_of
from slotkeeper.domain.booking import Booking
from slotkeeper.domain.errors import (
    AppointmentError,
    HoldExpired,
    NotFound,
    OtpInvalid,
    OtpLocked,
    Unavailable,
)
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.domain.slot import SlotStatus, seconds_until
from slotkeeper.ports import (
    CodeMaker,
    CodeStore,
    HoldGate,
    Ledger,
    RelayWaker,
    SlotDecision,
    SlotStore,
    Together,
)
from slotkeeper.services.record_facts import booking_of, record_end


@dataclass(frozen=True, slots=True)
class Confirmation:
    booking: Booking
    is_new: bool


def verify_otp(
    *,
    attempt: Attempt,
    code: str,
    codes: CodeStore,
    maker: CodeMaker,
    gate: HoldGate,
    slots: SlotStore,
    ledger: Ledger,
    relay: RelayWaker,
    together: Together,
    policy: BookingPolicy,
) -> Confirmation:
    """Book the held slot if `code` is the attempt's newest code.

    The decision is one conditional update of the slot (ADR 0002); booking, outbox event and audit
    entry follow from it and are completed by the sweep if this function dies. A repeated call
    answers the same booking.

    Whether a code fits is told only by a conditional update that counts: right codes while tries
    are left, wrong ones up to the limit. So no number of parallel guesses gets a further answer.

    Raises:
        NotFound: not this patient's attempt.
        OtpInvalid, OtpLocked: wrong code, or too many of them.
        HoldExpired: the slot is no longer held by this attempt.
        Unavailable: a server did not answer; repeating the call is safe.
    """
    if not is_attempt_of(attempt.id, attempt.user_id):
        raise NotFound
    tried = codes.count_try(user_id=attempt.user_id, attempt_id=attempt.id)
    record = tried.record
    if record is None:
        # Booked already, over, or lost with Redis, when only a resend helps.
        decision = slots.find_attempt(attempt.id)
        if decision is None:
            return _recorded(attempt, ledger)
    elif tried.failures >= policy.max_failures_per_user:
        raise OtpLocked(retry_after_seconds=tried.failures_lapse_in)
    elif tried.number > policy.max_calls:
        raise OtpLocked(retry_after_seconds=tried.record_lapses_in)
    elif hmac.compare_digest(maker.code(record), code):
        decision = slots.confirm(
            record.slot_id,
            attempt_id=attempt.id,
            user_id=attempt.user_id,
            send_number=record.send_number,
            booking_id=booking_id(attempt.id),
            request_id=attempt.request_id,
        )
    else:
        decision, _ = together(
            lambda: slots.count_try(record.slot_id, attempt_id=attempt.id, user_id=attempt.user_id),
            lambda: codes.count_failure(user_id=attempt.user_id),
        )
    if not _is_booked(attempt, decision):
        raise refusal(attempt, decision, policy)
    confirmation = _record(attempt, decision, gate, ledger, together)
    with suppress(Unavailable):
        relay.wake()
    return confirmation


def _is_booked(attempt: Attempt, decision: SlotDecision) -> bool:
    slot = decision.slot
    return slot.status is SlotStatus.BOOKED and slot.booking_id == booking_id(attempt.id)


def _record(
    attempt: Attempt,
    decision: SlotDecision,
    gate: HoldGate,
    ledger: Ledger,
    together: Together,
) -> Confirmation:
    """Complete the decision, whoever made it."""
    fact = decision.event
    if fact is None:
        return _recorded(attempt, ledger)
    booking = booking_of(decision.slot, fact)
    record_end(fact, [booking], ledger=ledger, gate=gate, together=together)
    return Confirmation(booking, is_new=decision.made)


def _recorded(attempt: Attempt, ledger: Ledger) -> Confirmation:
    booking = ledger.booking(booking_id(attempt.id))
    if booking is None:
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
