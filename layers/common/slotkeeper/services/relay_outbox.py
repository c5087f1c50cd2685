"""Move events from the outbox to the queue."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from slotkeeper.domain.errors import Unavailable
from slotkeeper.services.record_facts import Recorded, record_facts
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.ports.bookings import Ledger, Outbox
    from slotkeeper.ports.holds import HoldGate
    from slotkeeper.ports.notifications import JobQueue
    from slotkeeper.ports.slots import SlotStore

BATCH = 100


class Relayed(Value, kw_only=True):
    recorded: int
    refused: int
    sent: int


def relay_outbox(
    *,
    slots: SlotStore,
    ledger: Ledger,
    gate: HoldGate,
    outbox: Outbox,
    jobs: JobQueue,
    has_time: Callable[[], bool],
) -> Relayed:
    """Send every unsent event at least once, in order for each booking.

    An event is leased before it is sent and marked after: a relay that dies in between leaves it to
    the next one once the lease is over, which may send it twice; consumers go by its id.

    Raises:
        Unavailable: MongoDB or SQS did not answer; what was not marked is sent again.
    """
    recorded = Recorded([], refused=0)
    with suppress(Unavailable):
        # One slot that cannot be marked (a transaction left open) keeps no other's events back.
        recorded = record_facts(slots=slots, ledger=ledger, gate=gate)
    sent = 0
    while has_time() and (events := outbox.claim(limit=BATCH)):
        taken = jobs.send_events(events)
        outbox.mark_sent(taken)
        sent += len(taken)
        if len(taken) < len(events):
            break
    return Relayed(recorded=len(recorded.facts), refused=recorded.refused, sent=sent)
