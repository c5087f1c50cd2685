"""Carry facts from the slots that decided them to bookings, outbox and audit log."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.errors import BrokenInvariant, Unavailable
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.slot import CONFIRM, Slot
from slotkeeper.ports import HoldGate, Ledger, SlotStore, Together


@dataclass(frozen=True, slots=True)
class Recorded:
    """Facts that are in outbox and audit log now, and how many the database refused."""

    facts: Sequence[DomainEvent]
    refused: int


def record_facts(*, slots: SlotStore, ledger: Ledger, limit: int = 200) -> Recorded:
    """Complete what functions decided but did not live to record.

    Every write is idempotent by ids that derive from the fact, so it does no harm that the function
    itself may be recording the same facts at this moment. A fact that the database refuses stays in
    its slot to be looked at, and keeps none of the others back.

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
        slots.mark_recorded(facts)
    return Recorded(facts, refused=len(found) - len(recorded))


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


def record_end(
    fact: DomainEvent,
    bookings: Sequence[Booking],
    *,
    ledger: Ledger,
    gate: HoldGate,
    together: Together,
) -> None:
    """Record the fact that ended an attempt, and give back what the attempt has in Redis.

    Raises:
        Unavailable: MongoDB did not answer; the sweep records what is missing.
    """

    def forget() -> None:
        # The fact stands without Redis; what stays behind there lapses by itself.
        with suppress(Unavailable):
            gate.forget(attempt_id=fact.attempt_id, slot_id=fact.slot_id, user_id=fact.user_id)

    together(lambda: ledger.record(bookings=bookings, facts=[fact]), forget)


def booking_of(slot: Slot, confirmed: DomainEvent) -> Booking:
    """The booking that this `booking.confirmed` fact speaks of, as it was then."""
    assert confirmed.booking_id is not None
    return Booking(
        id=confirmed.booking_id,
        attempt_id=confirmed.attempt_id,
        slot_id=slot.id,
        doctor_id=slot.doctor_id,
        user_id=confirmed.user_id,
        date=slot.date,
        start_time=slot.start_time,
        end_time=slot.end_time,
        status=BookingStatus.CONFIRMED,
        version=1,
        created_at=confirmed.at,
        updated_at=confirmed.at,
    )
