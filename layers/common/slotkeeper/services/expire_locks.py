"""Free the slots whose hold is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.slot import EXPIRE
from slotkeeper.ports.bookings import Ledger
from slotkeeper.ports.holds import HoldGate
from slotkeeper.ports.slots import SlotStore
from slotkeeper.services.record_facts import record_facts

BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What one run did: holds it ended, facts it recorded, and facts the database refused."""

    expired: int
    recorded: int
    refused: int


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
    expired = recorded = refused = 0
    more = is_redis_up = True
    while more and has_time():
        due = slots.expire_due(limit=BATCH, request_id=request_id)
        done = record_facts(slots=slots, ledger=ledger, limit=BATCH)
        ended = [fact for fact in done.facts if fact.type == EXPIRE.event]
        # Locks lapse with their holds; this only tidies up where Redis's clock lags.
        is_redis_up = is_redis_up and _tidied(ended, gate)
        expired += len(ended)
        recorded += len(done.facts)
        refused = done.refused
        more = due >= BATCH or len(done.facts) >= BATCH
    return Sweep(expired=expired, recorded=recorded, refused=refused)


def _tidied(ended: Sequence[DomainEvent], gate: HoldGate) -> bool:
    """Give back what the ended holds have in Redis; False as soon as it does not answer."""
    try:
        for fact in ended:
            gate.forget(attempt_id=fact.attempt_id, slot_id=fact.slot_id, user_id=fact.user_id)
    except Unavailable:
        return False
    return True
