"""What must hold of a slot and its booking."""

from __future__ import annotations

from collections.abc import Iterator

from ops.check.moment import Moment
from ops.check.rules import (
    ATTEMPT_OF_OTHER,
    BOOKING_DIFFERS_FROM_SLOT,
    FACT_NOT_RECORDED,
    FENCE_BROKEN,
    HOLD_NOT_ENDED,
    SLOT_WITHOUT_BOOKING,
    STATUS_DISAGREES,
)
from ops.check.slot_case import SlotCase
from ops.check.stored import SlotSeen, shown, unfit
from ops.violation import Violation
from slotkeeper.adapters.mongo.documents import SLOTS
from slotkeeper.domain.attempt import is_attempt_of
from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.slot import CONFIRM, Slot, SlotStatus


def slot_violations(case: SlotCase, moment: Moment) -> Iterator[Violation]:
    if case.slot is None:
        return
    yield from unfit(case.slot)
    if case.slot.says is None:
        return
    yield from _state(case, case.slot.says, moment)
    yield from _hold(case, case.slot.says, moment)
    if case.slot.says.slot.status is SlotStatus.BOOKED:
        yield from _booked(case, case.slot.says.slot, moment)


def _state(case: SlotCase, seen: SlotSeen, moment: Moment) -> Iterator[Violation]:
    assert case.slot
    slot = seen.slot
    # (That a hold is there where one must be, the slot's shape says.)
    has = (slot.hold is not None, slot.booking_id is not None)
    should = (slot.status is SlotStatus.RESERVED, slot.status is SlotStatus.BOOKED)
    if has != should:
        told = {**case.slot.shown, "hasHold": has[0], "hasBooking": has[1]}
        yield STATUS_DISAGREES.broken(slot.id, told)
    for fact in seen.pending:
        if not moment.is_under_way(fact.at):
            told = {"type": fact.type, "version": fact.version, "at": fact.at}
            yield FACT_NOT_RECORDED.broken(fact.id, shown(SLOTS, {"_id": slot.id, **told}))


def _hold(case: SlotCase, seen: SlotSeen, moment: Moment) -> Iterator[Violation]:
    slot, hold = seen.slot, seen.slot.hold
    if hold is None or slot.status is not SlotStatus.RESERVED:
        return
    assert case.slot
    told = {
        **case.slot.shown,
        "attemptId": hold.attempt_id,
        "expiresAt": hold.expires_at,
        "holdVersion": seen.fence,
    }
    if not moment.is_under_way(hold.expires_at):
        yield HOLD_NOT_ENDED.broken(slot.id, told)
    if seen.fence != slot.version:
        yield FENCE_BROKEN.broken(slot.id, told)
    if not is_attempt_of(hold.attempt_id, hold.user_id):
        yield ATTEMPT_OF_OTHER.broken(hold.attempt_id, told)


def _booked(case: SlotCase, slot: Slot, moment: Moment) -> Iterator[Violation]:
    assert case.slot
    if slot.booking_id is None:
        return
    stored = case.bookings.get(slot.booking_id)
    if stored is None:
        # The booking follows from the fact that the slot keeps until it is there.
        is_coming = any(
            fact.type == CONFIRM.event
            and fact.booking_id == slot.booking_id
            and moment.is_under_way(fact.at)
            for fact in case.pending
        )
        if not is_coming:
            yield SLOT_WITHOUT_BOOKING.broken(slot.id, case.slot.shown)
    elif (booking := stored.says) is not None:
        if booking.status is not BookingStatus.CONFIRMED or booking.slot_id != slot.id:
            yield SLOT_WITHOUT_BOOKING.broken(slot.id, case.slot.shown, stored.shown)
        elif _when(booking) != _when(slot):
            yield BOOKING_DIFFERS_FROM_SLOT.broken(booking.id, case.slot.shown, stored.shown)


def _when(of: Slot | Booking) -> tuple[object, ...]:
    return (of.doctor_id, of.date, of.start_time, of.end_time)
