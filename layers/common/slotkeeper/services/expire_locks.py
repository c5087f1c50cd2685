"""Free the slots whose hold is over."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.slot import EXPIRE
from slotkeeper.ports import HoldGate, Ledger, SlotStore
from slotkeeper.services.record_facts import record_facts

BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What one run did: holds it ended, and facts it recorded (its own and left-behind ones)."""

    expired: int
    recorded: int


def expire_locks(
    *,
    request_id: str,
    slots: SlotStore,
    ledger: Ledger,
    gate: HoldGate,
    has_time: Callable[[], bool],
) -> Sweep:
    """End every hold past its time, in batches, until none is due or the time is up.

    Safe to run twice at once and to be killed at any point: the slot decides, by the database's
    clock, and what was decided but not recorded is found by the next run.

    Raises:
        Unavailable: MongoDB did not answer.
    """
    expired = recorded = 0
    more = True
    while more and has_time():
        due = slots.expire_due(limit=BATCH, request_id=request_id)
        facts = record_facts(slots=slots, ledger=ledger, limit=BATCH)
        ended = [fact for fact in facts if fact.type == EXPIRE.event]
        for fact in ended:
            # The lock lapses with the hold; this only tidies up where Redis's clock lags.
            with suppress(Unavailable):
                gate.forget(attempt_id=fact.attempt_id, slot_id=fact.slot_id, user_id=fact.user_id)
        expired += len(ended)
        recorded += len(facts)
        more = due >= BATCH or len(facts) >= BATCH
    return Sweep(expired=expired, recorded=recorded)
