"""A booking: a confirmed appointment."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec.structs import replace

from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.domain.payment import Price
    from slotkeeper.domain.slot import Slot


class BookingStatus(StrEnum):
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    RESCHEDULED = "rescheduled"
    COMPLETED = "completed"
    NO_SHOW = "no_show"


class BookingTransition(Value):
    """A named change of a booking's status, and the fact it is told by."""

    target: BookingStatus
    event: str


CANCEL = BookingTransition(BookingStatus.CANCELLED, "booking.cancelled")
RESCHEDULE = BookingTransition(BookingStatus.RESCHEDULED, "booking.rescheduled")
"""Both lead away from `confirmed`, the only status that anything leads away from."""
ENDS = frozenset({CANCEL.event, RESCHEDULE.event})


class Booking(Value, kw_only=True):
    id: str
    attempt_id: str
    slot_id: str
    doctor_id: str
    user_id: str
    date: str
    start_time: datetime
    end_time: datetime
    status: BookingStatus
    version: int
    created_at: datetime
    updated_at: datetime
    replaces: str | None = None
    """The booking that this one took the place of."""
    replaced_by: str | None = None
    """The booking that took this one's place."""
    changed_by: str | None = None
    """The request that changed it last, by its key: how a repeated request finds its own effect."""
    payment: Price | None = None
    """What it costs, if it was booked with payment."""


class BookingChange(Value, kw_only=True):
    """Who asks for which change of a booking, and by which request."""

    transition: BookingTransition
    actor: str
    request_id: str
    request_key: str
    reason: str | None


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
        replaces=confirmed.replaces,
        payment=confirmed.payment,
    )


def changed(booking: Booking, fact: DomainEvent) -> Booking:
    """The booking after this fact ended it."""
    return replace(
        booking,
        status=BookingStatus(fact.to_status),
        version=booking.version + 1,
        updated_at=fact.at,
        changed_by=fact.request_key,
        replaced_by=fact.replaced_by,
    )
