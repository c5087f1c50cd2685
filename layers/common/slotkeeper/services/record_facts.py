"""Carry facts from the slots that decided them to bookings, outbox and audit log."""

from __future__ import annotations

from collections.abc import Sequence

from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.slot import CONFIRM, Slot
from slotkeeper.ports import Ledger, SlotStore


def record_facts(*, slots: SlotStore, ledger: Ledger, limit: int = 200) -> Sequence[DomainEvent]:
    """Complete what functions decided but did not live to record; the facts that were found.

    Every write is idempotent by ids that derive from the fact, so it does no harm that the function
    itself may be recording the same facts at this moment.

    Raises:
        Unavailable: MongoDB did not answer; nothing is marked as recorded that is not.
    """
    found = slots.unrecorded(limit=limit)
    facts = [fact for _, fact in found]
    if facts:
        ledger.record(
            bookings=[booking_of(slot, fact) for slot, fact in found if fact.type == CONFIRM.event],
            facts=facts,
        )
        slots.mark_recorded(facts)
    return facts


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
