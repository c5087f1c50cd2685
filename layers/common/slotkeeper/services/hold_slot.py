"""Hold a slot for a patient and have a code sent to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from slotkeeper.domain.attempt import CodeSent, HoldReceipt, booking_id, is_attempt_of
from slotkeeper.domain.errors import (
    IdempotencyKeyReused,
    NotFound,
    RequestInProgress,
    SlotHeld,
    TooManyHolds,
    Unavailable,
)
from slotkeeper.domain.slot import Hold, hold_refusal, start_of
from slotkeeper.domain.user import Channel, User, masked
from slotkeeper.ports.notifications import CodeJob, JobQueue
from slotkeeper.services.code_quota import ensure_codes_left
from slotkeeper.services.hold_rules import ensure_may_hold
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.policy import BookingPolicy
    from slotkeeper.ports.bookings import Ledger
    from slotkeeper.ports.common import Together
    from slotkeeper.ports.holds import Admission, HoldGate, HoldTicket
    from slotkeeper.ports.people import UserStore
    from slotkeeper.ports.slots import SlotDecision, SlotStore


class Answer(Value):
    """The text of the answer, byte for byte the same each time the request is repeated."""

    text: str
    is_replay: bool


def hold_slot(
    *,
    ticket: HoldTicket,
    channel: Channel | None,
    to_text: Callable[[HoldReceipt], str],
    gate: HoldGate,
    slots: SlotStore,
    ledger: Ledger,
    users: UserStore,
    jobs: JobQueue,
    together: Together,
    policy: BookingPolicy,
    replaces: str | None = None,
) -> Answer:
    """Reserve the slot, or find that this patient already does, and answer the attempt.

    Redis refuses what it can without MongoDB; the slot document decides (docs/locking.md).
    `replaces` is a booking of the patient's that stays until this attempt's takes its place.

    Raises:
        RequestInProgress, IdempotencyKeyReused: the key is taken.
        SlotHeld, SlotUnavailable, SlotInPast, NotFound, TooManyHolds: the slot is not to be had.
        NotFound, BookingNotConfirmed, TooLate: nor can the other booking give way.
        InvalidRequest: the patient has no address on the channel.
        OtpLocked, RateLimited: no more codes for them now, or today.
        Unavailable: a server did not answer; the hold is undone.
    """
    placing = _Placing()

    def place() -> SlotDecision:
        try:
            return slots.place_hold(
                ticket.slot_id,
                attempt_id=ticket.attempt_id,
                user_id=ticket.user_id,
                channel=channel,
                replaces=replaces,
                request_id=ticket.request_id,
            )
        except NotFound:
            placing.may_be = False
            raise

    admission = gate.admit(ticket)
    with _given_back(gate, ticket, admission, placing):
        if admission.answer is not None:
            gate.withdraw(ticket, admission)
            return Answer(admission.answer, is_replay=True)
        _refuse_unless_admitted(admission, ticket)
        with _undone(slots, ticket, placing):
            decision, (user, codes_today), bookings, *found = together(
                place,
                lambda: users.get_for_code(ticket.user_id),
                lambda: ledger.bearing_on_hold(
                    ticket.user_id,
                    ids=_booking_ids(ticket, replaces),
                    around=start_of(ticket.slot_id),
                ),
                *([lambda: slots.find(admission.other_slots)] if admission.other_slots else []),
            )
            hold = _own_hold(decision, ticket, placing)
            ensure_may_hold(
                ticket,
                decision,
                hold,
                replaces,
                bookings=bookings,
                others=found[0] if found else [],
                policy=policy,
            )
            if not decision.made and not slots.share_hold(
                ticket.slot_id, attempt_id=hold.attempt_id
            ):
                raise SlotHeld(
                    "Another request of yours held this slot, and gave it up a moment ago.",
                    retry_after_seconds=1,
                )
            receipt = HoldReceipt(
                attempt_id=hold.attempt_id,
                slot_id=ticket.slot_id,
                expires_at=hold.expires_at,
                server_time=decision.now,
                otp=code_sent(hold, user, policy),
            )
            if decision.made:
                ensure_codes_left(codes_today, receipt.otp.channel, policy)
            if _owes_a_code(decision, hold, ticket, admission):
                jobs.send_code(code_job(ticket.slot_id, hold, user, ticket.request_id))
            text = to_text(receipt)
            gate.complete(ticket, admission, hold=hold, answer=text)
    return Answer(text, is_replay=False)


def _refuse_unless_admitted(admission: Admission, ticket: HoldTicket) -> None:
    if admission.is_reused:
        raise IdempotencyKeyReused
    if admission.busy_for_ms is not None:
        raise RequestInProgress(retry_after_seconds=_seconds(admission.busy_for_ms))
    if not is_attempt_of(admission.lock_holder, ticket.user_id):
        raise SlotHeld(retry_after_seconds=_seconds(admission.lock_for_ms))
    is_new_hold = admission.lock_holder == ticket.attempt_id
    if is_new_hold and admission.place_in_ms is not None:
        raise TooManyHolds(retry_after_seconds=_seconds(admission.place_in_ms))


def _own_hold(decision: SlotDecision, ticket: HoldTicket, placing: _Placing) -> Hold:
    hold = decision.slot.live_hold(decision.now)
    if hold is None or hold.user_id != ticket.user_id:
        placing.may_be = False
        raise hold_refusal(decision.slot, decision.now)
    return hold


def _booking_ids(ticket: HoldTicket, replaces: str | None) -> list[str]:
    """What this attempt was booked as, if it was, and what it is to replace."""
    return [booking_id(ticket.attempt_id), *([replaces] if replaces else [])]


def _owes_a_code(
    decision: SlotDecision, hold: Hold, ticket: HoldTicket, admission: Admission
) -> bool:
    # A retry whose seed outlived the first try queues again: the same code, delivered once.
    # Where the seed was lost with Redis, only a counted resend may make a new code.
    is_retry = hold.attempt_id == ticket.attempt_id and not admission.took_code
    return decision.made or is_retry


def code_job(slot_id: str, hold: Hold, user: User, request_id: str) -> CodeJob:
    """The job that sends the hold's newest code. Raises InvalidRequest without an address."""
    return CodeJob(
        attempt_id=hold.attempt_id,
        slot_id=slot_id,
        user_id=hold.user_id,
        channel=user.channel_for_code(hold.channel),
        send_number=hold.sends,
        request_id=request_id,
    )


def code_sent(hold: Hold, user: User, policy: BookingPolicy) -> CodeSent:
    """What a patient is told of the hold's newest code. Raises InvalidRequest: no address."""
    channel = user.channel_for_code(hold.channel)
    return CodeSent(
        channel=channel,
        destination=masked(channel, user.address(channel) or ""),
        expires_at=hold.code_expires_at,
        resend_at=min(hold.sent_at + policy.wait_after(hold.sends), hold.expires_at),
    )


@contextmanager
def _given_back(
    gate: HoldGate, ticket: HoldTicket, admission: Admission, placing: _Placing
) -> Iterator[None]:
    """Give back what was taken, whatever ended the block but success."""
    succeeded = False
    try:
        yield
        succeeded = True
    finally:
        if not succeeded:
            # What cannot be given back now lapses by itself within the claim (keys.LOCK_CLAIM).
            with suppress(Unavailable):
                gate.withdraw(ticket, admission, was_placed=placing.was, stays=placing.stays)


class _Placing(msgspec.Struct):
    """Whether the request may have placed a hold, now and before it was undone.

    A hold stays that another request of the patient's was answered with meanwhile.
    """

    may_be: bool = False
    was: bool = False
    stays: bool = False


@contextmanager
def _undone(slots: SlotStore, ticket: HoldTicket, placing: _Placing) -> Iterator[None]:
    """Undo the hold, whatever ended the block but success or the slot's own refusal.

    Also after a time-out: the hold may have been placed without our learning of it.
    """
    placing.may_be = True
    try:
        yield
        placing.may_be = False
    finally:
        placing.was = placing.may_be
        if placing.may_be:
            with suppress(Unavailable):
                placing.stays = not slots.undo_hold(
                    ticket.slot_id, attempt_id=ticket.attempt_id, request_id=ticket.request_id
                )


def _seconds(milliseconds: int) -> int:
    return -(-milliseconds // 1000)
