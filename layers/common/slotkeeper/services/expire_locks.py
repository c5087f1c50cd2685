"""Free the slots whose hold is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from slotkeeper.domain.slot import EXPIRE
from slotkeeper.services.record_facts import record_facts
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.ports.bookings import Ledger
    from slotkeeper.ports.holds import HoldGate
    from slotkeeper.ports.slots import SlotStore

BATCH = 200


class Sweep(Value, kw_only=True):
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
    more = True
    while more and has_time():
        due = slots.expire_due(limit=BATCH, request_id=request_id)
        done = record_facts(slots=slots, ledger=ledger, gate=gate, limit=BATCH)
        expired += sum(fact.type == EXPIRE.event for fact in done.facts)
        recorded += len(done.facts)
        refused = done.refused
        more = due >= BATCH or len(done.facts) >= BATCH
    return Sweep(expired=expired, recorded=recorded, refused=refused)
