"""Carry facts from the slots that decided them to bookings, outbox and audit log."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from slotkeeper.domain.booking import ENDS, booking_of
from slotkeeper.domain.errors import BrokenInvariant, Unavailable
from slotkeeper.domain.slot import CONFIRM, EXPIRE, RELEASE, Slot
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.ports.bookings import Ledger
    from slotkeeper.ports.common import Together
    from slotkeeper.ports.holds import HoldGate
    from slotkeeper.ports.slots import SlotDecision, SlotStore

_END_AN_ATTEMPT = frozenset({CONFIRM.event, RELEASE.event, EXPIRE.event})


class Recorded(Value):
    """Facts that are in outbox and audit log now, and how many the database refused."""

    facts: Sequence[DomainEvent]
    refused: int


def record_facts(*, slots: SlotStore, ledger: Ledger, gate: HoldGate, limit: int = 200) -> Recorded:
    """Complete what functions decided but did not live to record.

    With it goes what the attempts that ended have in Redis: the lock of one whose function died
    would keep others from a slot that is free, for as long as the hold would have lasted.

    Every write is idempotent by ids that derive from the fact, so it does no harm that the function
    itself may be recording the same facts at this moment. A fact that the database refuses keeps
    none of the others back; where it stays refused, it is set aside to be looked at.

    Raises:
        Unavailable: MongoDB did not answer; nothing is marked as recorded that is not.
    """
    found = slots.unrecorded(limit=limit)
    try:
        _record(found, ledger)
        recorded = found
    except BrokenInvariant:
        recorded = [one for one in found if _is_recorded_alone(one, ledger)]
    facts = [fact for _, fact in recorded]
    if facts:
        _give_back([fact for fact in facts if fact.type in _END_AN_ATTEMPT], gate)
        slots.mark_recorded(facts)
    refused = [fact for one, fact in found if (one, fact) not in recorded]
    if refused:
        slots.set_refused_aside(refused)
    return Recorded(facts, refused=len(refused))


def _give_back(ended: Sequence[DomainEvent], gate: HoldGate) -> None:
    # Without Redis it lapses by itself; the first failure is enough to know.
    with suppress(Unavailable):
        for fact in ended:
            gate.forget(
                attempt_id=fact.attempt_id,
                slot_id=fact.slot_id,
                user_id=fact.user_id,
                proved=fact.type == CONFIRM.event,
            )


def _is_recorded_alone(one: tuple[Slot, DomainEvent], ledger: Ledger) -> bool:
    try:
        _record([one], ledger)
    except BrokenInvariant:
        return False
    return True


def _record(found: Sequence[tuple[Slot, DomainEvent]], ledger: Ledger) -> None:
    if found:
        ledger.record(
            bookings=[booking_of(slot, fact) for slot, fact in found if fact.type == CONFIRM.event],
            facts=[fact for _, fact in found],
        )


def record_decisions(*decisions: SlotDecision, ledger: Ledger) -> None:
    """Record what was decided.

    If the end of a slot's earlier booking is not known to be recorded it goes first: two confirmed
    bookings of one slot cannot be stored. Other facts are left to the relay and the sweep.

    Raises:
        Unavailable: MongoDB did not answer; the sweep records what is missing.
    """
    found = [
        (decision.slot, fact)
        for decision in decisions
        for fact in decision.facts
        if fact == decision.event or fact.type in ENDS
    ]
    _record(found, ledger)


def record_end(
    *decisions: SlotDecision, ended: DomainEvent, ledger: Ledger, gate: HoldGate, together: Together
) -> None:
    """Record the decisions, of which `ended` ended an attempt, and give back what it has in Redis.

    Raises:
        Unavailable: MongoDB did not answer; the sweep records what is missing.
    """

    def forget() -> None:
        # The fact stands without Redis; what stays behind there lapses by itself.
        with suppress(Unavailable):
            gate.forget(
                attempt_id=ended.attempt_id,
                slot_id=ended.slot_id,
                user_id=ended.user_id,
                changed=[decision.slot.id for decision in decisions],
                proved=ended.type == CONFIRM.event,
            )

    if ended.type == CONFIRM.event:
        # The patient's place goes when their booking is there to be seen: at no time may neither
        # tell that they have an appointment then.
        record_decisions(*decisions, ledger=ledger)
        forget()
    else:
        together(lambda: record_decisions(*decisions, ledger=ledger), forget)
