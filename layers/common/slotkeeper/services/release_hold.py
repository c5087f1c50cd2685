"""Let a held slot go before its time."""

from __future__ import annotations

from contextlib import suppress

from slotkeeper.domain.attempt import Attempt, is_attempt_of
from slotkeeper.domain.errors import HoldExpired, NotFound, Unavailable
from slotkeeper.ports import HoldGate, Ledger, SlotStore, Together


def release_hold(
    *, attempt: Attempt, slots: SlotStore, ledger: Ledger, gate: HoldGate, together: Together
) -> None:
    """Free the slot this attempt holds.

    Raises:
        NotFound: not this patient's attempt.
        HoldExpired: it holds nothing any more.
        Unavailable: a server did not answer; repeating the call is safe.
    """
    if not is_attempt_of(attempt.id, attempt.user_id):
        raise NotFound
    found = slots.find_attempt(attempt.id)
    if found is None:
        raise HoldExpired
    slot_id = found.slot.id
    decision = slots.release(
        slot_id, attempt_id=attempt.id, user_id=attempt.user_id, request_id=attempt.request_id
    )
    fact = decision.event
    if fact is None or not decision.made:
        raise HoldExpired

    def forget() -> None:
        # A lock left behind keeps others off for its lifetime at most; MongoDB says free.
        with suppress(Unavailable):
            gate.forget(attempt_id=attempt.id, slot_id=slot_id, user_id=attempt.user_id)

    together(lambda: ledger.record(bookings=[], facts=[fact]), forget)
