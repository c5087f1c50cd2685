"""Let a held slot go before its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slotkeeper.domain.errors import HoldExpired
from slotkeeper.services.access import ensure_own
from slotkeeper.services.record_facts import record_end

if TYPE_CHECKING:
    from slotkeeper.domain.attempt import Attempt
    from slotkeeper.ports.bookings import Ledger
    from slotkeeper.ports.common import Together
    from slotkeeper.ports.holds import HoldGate
    from slotkeeper.ports.payments import SagaStore
    from slotkeeper.ports.slots import SlotStore


def release_hold(
    *,
    attempt: Attempt,
    slots: SlotStore,
    ledger: Ledger,
    gate: HoldGate,
    together: Together,
    sagas: SagaStore | None = None,
    actor: str | None = None,
) -> None:
    """Free the slot this attempt holds; with `sagas`, what is being paid for it goes back.

    `actor` is who does it on the patient's behalf (None: the patient).

    Raises:
        NotFound: not this patient's attempt.
        HoldExpired: it holds nothing any more.
        Unavailable: a server did not answer; repeating the call is safe.
    """
    ensure_own(attempt)
    found = slots.find_attempt(attempt.id)
    if found is None:
        raise HoldExpired
    if sagas is not None:
        # First: a payment under way must not book the slot for them when it is free again.
        sagas.withdraw(attempt.id)
    decision = slots.release(
        found.slot.id,
        attempt_id=attempt.id,
        user_id=attempt.user_id,
        request_id=attempt.request_id,
        actor=actor or attempt.user_id,
    )
    fact = decision.event
    if fact is None or not decision.made:
        raise HoldExpired
    record_end(decision, ended=fact, ledger=ledger, gate=gate, together=together)
