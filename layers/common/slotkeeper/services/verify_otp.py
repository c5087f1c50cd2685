"""Check a patient's code and turn the hold into a booking."""

from __future__ import annotations

import hmac
from contextlib import suppress
from dataclasses import dataclass

from slotkeeper.domain.attempt import Attempt, booking_id, is_attempt_of
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
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.domain.slot import seconds_until
from slotkeeper.ports.bookings import Ledger
from slotkeeper.ports.codes import CodeMaker, CodeRecord, CodeStore, CodeTry
from slotkeeper.ports.common import Together
from slotkeeper.ports.holds import HoldGate
from slotkeeper.ports.notifications import RelayWaker
from slotkeeper.ports.slots import BookedSlots, SlotDecision, SlotStore
from slotkeeper.services.record_facts import record_end


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
    booked: BookedSlots,
    ledger: Ledger,
    relay: RelayWaker,
    together: Together,
    policy: BookingPolicy,
) -> Confirmation:
    """Book the held slot if `code` is the attempt's newest code.

    The decision is one conditional update of the slot (ADR 0002); booking, outbox event and audit
    entry follow from it and are completed by the sweep if this function dies. A repeated call
    answers the same booking. A hold that replaces a booking is confirmed with it, or not at all.

    Whether a code fits is told only by a conditional update that counts: right codes while tries
    are left, wrong ones up to the limit. So no number of parallel guesses gets a further answer.

    Raises:
        NotFound: not this patient's attempt.
        OtpInvalid, OtpLocked: wrong code, or too many of them.
        HoldExpired: the slot is no longer held by this attempt.
        BookingNotConfirmed, TooLate: the booking to be replaced cannot give way any more.
        Unavailable: a server did not answer; repeating the call is safe.
    """
    if not is_attempt_of(attempt.id, attempt.user_id):
        raise NotFound
    tried = codes.count_try(user_id=attempt.user_id, attempt_id=attempt.id)
    record = tried.record
    given_back: SlotDecision | None = None
    if record is None:
        # Booked already, over, or lost with Redis, when only a resend helps.
        decision = slots.find_attempt(attempt.id)
        if decision is None:
            return _recorded(attempt, ledger)
    elif hmac.compare_digest(_expected(record, tried, maker, policy), code):
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
            # Free again, and removed by the clinic since.
            return _recorded(attempt, ledger)
        hold = decision.slot.live_hold_of(attempt, decision.now)
        if hold is not None and hold.replaces is not None:
            ends = [told for told in decision.facts if told.type in ENDS]
            if ends:
                # The slot's earlier booking must be seen to have ended before the next one begins.
                ledger.record(bookings=[], facts=ends)
            decision, given_back = _swapped(attempt, record, hold.replaces, booked, ledger)
    else:
        decision, _ = together(
            lambda: slots.count_try(record.slot_id, attempt_id=attempt.id, user_id=attempt.user_id),
            lambda: codes.count_failure(user_id=attempt.user_id),
        )
    fact = decision.event
    if fact is None:
        return _recorded_or_refused(attempt, decision, ledger, policy)
    decisions = [decision, given_back] if given_back else [decision]
    record_end(*decisions, ended=fact, ledger=ledger, gate=gate, together=together)
    with suppress(Unavailable):
        relay.wake()
    if not decision.made:
        return _recorded(attempt, ledger)
    return Confirmation(booking_of(decision.slot, fact), is_new=True)


def _expected(record: CodeRecord, tried: CodeTry, maker: CodeMaker, policy: BookingPolicy) -> str:
    """The code to compare with, if there may be another try."""
    if tried.failures >= policy.max_failures_per_user:
        raise OtpLocked(retry_after_seconds=tried.failures_lapse_in)
    if tried.number > policy.max_calls:
        raise OtpLocked(retry_after_seconds=tried.record_lapses_in)
    return maker.code(record)


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
    attempt: Attempt, decision: SlotDecision, ledger: Ledger, policy: BookingPolicy
) -> Confirmation:
    refused = refusal(attempt, decision, policy)
    if isinstance(refused, HoldExpired):
        # Or booked, which nothing but the booking still tells.
        return _recorded(attempt, ledger)
    raise refused


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
