"""Send a live hold a new code; the earlier one is dead."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from slotkeeper.domain.errors import (
    AppointmentError,
    HoldExpired,
    NotFound,
    OtpLocked,
    RateLimited,
    Unavailable,
)
from slotkeeper.domain.slot import Hold, seconds_until
from slotkeeper.services.access import ensure_own
from slotkeeper.services.code_quota import ensure_codes_left
from slotkeeper.services.hold_slot import code_job, code_sent

if TYPE_CHECKING:
    from slotkeeper.domain.attempt import Attempt, CodeSent
    from slotkeeper.domain.policy import BookingPolicy
    from slotkeeper.ports.codes import CodeRecord, CodeStore
    from slotkeeper.ports.notifications import JobQueue
    from slotkeeper.ports.people import UserStore
    from slotkeeper.ports.slots import SlotDecision, SlotStore


def resend_otp(
    *,
    attempt: Attempt,
    request_key: str,
    fresh: CodeRecord,
    codes: CodeStore,
    slots: SlotStore,
    users: UserStore,
    jobs: JobQueue,
    policy: BookingPolicy,
) -> CodeSent:
    """Queue a new code and tell where it goes.

    Sends and tries are counted on the hold in MongoDB, so a lost Redis gives none back; `fresh`
    (a new seed) serves where the old one was lost. The same request sent
    again, by its key, asks for the same code and is not counted again.

    Raises:
        NotFound: not this patient's attempt.
        HoldExpired: nothing is held any more.
        RateLimited: too soon, no resends left, or no more codes today.
        OtpLocked: no tries left that a code could use, here or in all attempts.
        Unavailable: the code could not be queued; the earlier one still works.
    """
    ensure_own(attempt)
    before = codes.find(user_id=attempt.user_id, attempt_id=attempt.id)
    user, codes_today = users.get_for_code(attempt.user_id)
    try:
        decision = slots.count_send(
            before.slot_id if before else _slot_of(attempt, slots),
            attempt_id=attempt.id,
            user_id=attempt.user_id,
            request_key=request_key,
        )
    except NotFound as gone:
        # Free again, and removed by the clinic since.
        raise HoldExpired from gone
    hold = _sendable(attempt, decision, policy)
    record = replace(before or fresh, slot_id=decision.slot.id, send_number=hold.sends)
    code = {"user_id": attempt.user_id, "attempt_id": attempt.id}
    lifetime_ms = round((hold.code_expires_at - decision.now).total_seconds() * 1000)
    try:
        ensure_codes_left(codes_today, user.channel_for_code(hold.channel), policy)
        codes.put(**code, record=record, lifetime_ms=lifetime_ms, tries=hold.tries)
        jobs.send_code(code_job(decision.slot.id, hold, user, attempt.request_id))
    except AppointmentError:
        # Not `before`: a function that died in this very request may have put the new code there.
        earlier = replace(record, send_number=hold.sends - 1)
        with suppress(Unavailable):
            slots.undo_send(decision.slot.id, attempt_id=attempt.id, sends=hold.sends)
        with suppress(Unavailable):
            codes.put_back(
                **code, record=earlier, lifetime_ms=lifetime_ms, instead_of=record.send_number
            )
        raise
    return code_sent(hold, user, policy)


def _slot_of(attempt: Attempt, slots: SlotStore) -> str:
    found = slots.find_attempt(attempt.id)
    if found is None:
        raise HoldExpired
    return found.slot.id


def _sendable(attempt: Attempt, decision: SlotDecision, policy: BookingPolicy) -> Hold:
    hold = decision.slot.live_hold_of(attempt, decision.now)
    if hold is None:
        raise HoldExpired
    if decision.made:
        return hold
    over_in = seconds_until(hold.expires_at, decision.now)
    if hold.tries >= policy.max_tries:
        raise OtpLocked(retry_after_seconds=over_in)
    if hold.sends >= policy.max_sends:
        raise RateLimited("No more codes for this attempt.", retry_after_seconds=over_in)
    again_in = seconds_until(hold.sent_at + policy.wait_after(hold.sends), decision.now)
    raise RateLimited("Please wait before asking again.", retry_after_seconds=again_in)
