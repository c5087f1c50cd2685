"""What must hold of a booking, its slot, its attempt and the booking in its place."""

from __future__ import annotations

from collections.abc import Iterator

from ops.check.booking_case import BookingCase
from ops.check.moment import Moment
from ops.check.payment_rules import booking_payment_violations
from ops.check.rules import (
    ATTEMPT_BOOKED_TWICE,
    ATTEMPT_OF_OTHER,
    BOOKING_DIFFERS_FROM_SLOT,
    BOOKING_ID_NOT_OF_ATTEMPT,
    BOOKING_WITHOUT_FACT,
    BOOKING_WITHOUT_SLOT,
    CONFIRMED_TWICE,
    REPLACEMENT_ONE_SIDED,
)
from ops.check.stored import unfit
from ops.violation import Violation
from slotkeeper.domain.attempt import booking_id, is_attempt_of
from slotkeeper.domain.booking import ENDS, Booking, BookingStatus
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.slot import doctor_of


def booking_violations(case: BookingCase, moment: Moment) -> Iterator[Violation]:
    yield from unfit(case.booking)
    if case.booking.says is not None:
        yield from _slot(case, case.booking.says, moment)
        yield from _attempt(case, case.booking.says)
        yield from _told(case, case.booking.says, moment)
        yield from _replacement(case, case.booking.says)
        yield from booking_payment_violations(case, case.booking.says, moment)


def _slot(case: BookingCase, booking: Booking, moment: Moment) -> Iterator[Violation]:
    if booking.doctor_id != doctor_of(booking.slot_id):
        yield BOOKING_DIFFERS_FROM_SLOT.broken(booking.id, case.booking.shown)
    if booking.status is not BookingStatus.CONFIRMED:
        return
    slot = case.slot.says.slot if case.slot and case.slot.says else None
    is_unknown = case.slot is not None and slot is None
    if is_unknown or (slot and slot.is_booked_by(booking.id)):
        return
    if any(fact.type in ENDS for fact in _under_way(case, booking, moment)):
        return  # the slot was given back a moment ago, and the booking will follow
    of_slot = [case.slot.shown] if case.slot else []
    yield BOOKING_WITHOUT_SLOT.broken(booking.id, case.booking.shown, *of_slot)
    others = [one for one in case.rivals if one.document["_id"] != booking.id]
    if others and _tells_for_all(case, booking, slot.booking_id if slot else None):
        shown = [case.booking.shown, *(one.shown for one in others)]
        yield CONFIRMED_TWICE.broken(booking.slot_id, *shown, *of_slot)


def _tells_for_all(case: BookingCase, booking: Booking, owner: str | None) -> bool:
    """Whether this is the one of several confirmed bookings that tells of them."""
    ids = [str(one.document["_id"]) for one in case.rivals]
    return booking.id == max(id_ for id_ in [*ids, booking.id] if id_ != owner)


def _attempt(case: BookingCase, booking: Booking) -> Iterator[Violation]:
    own = booking_id(booking.attempt_id)
    if booking.id != own:
        twin = case.related.get(own)
        if twin is not None and twin.document.get("attemptId") == booking.attempt_id:
            yield ATTEMPT_BOOKED_TWICE.broken(booking.attempt_id, case.booking.shown, twin.shown)
        else:
            yield BOOKING_ID_NOT_OF_ATTEMPT.broken(booking.id, case.booking.shown)
    if not is_attempt_of(booking.attempt_id, booking.user_id):
        yield ATTEMPT_OF_OTHER.broken(booking.attempt_id, case.booking.shown)


def _told(case: BookingCase, booking: Booking, moment: Moment) -> Iterator[Violation]:
    if case.has_facts or (case.slot is not None and case.slot.says is None):
        return
    if not _under_way(case, booking, moment):
        yield BOOKING_WITHOUT_FACT.broken(booking.id, case.booking.shown)


def _under_way(case: BookingCase, booking: Booking, moment: Moment) -> list[DomainEvent]:
    """What its slot tells of it and has not had recorded yet, within the grace."""
    pending = case.slot.says.pending if case.slot and case.slot.says else ()
    return [f for f in pending if f.booking_id == booking.id and moment.is_under_way(f.at)]


def _replacement(case: BookingCase, booking: Booking) -> Iterator[Violation]:
    """Each side tells of the other, and the old one is rescheduled."""
    sides = ((booking.replaces, _is_replaced_by), (booking.replaced_by, _replaces))
    for other_id, agrees in sides:
        other = case.related.get(other_id) if other_id else None
        is_unknown = other is not None and other.says is None
        is_agreed = bool(other and other.says and agrees(other.says, booking))
        if other_id and not is_unknown and not is_agreed:
            shown = [other.shown] if other else []
            yield REPLACEMENT_ONE_SIDED.broken(booking.id, case.booking.shown, *shown)
    if booking.replaced_by and booking.status is not BookingStatus.RESCHEDULED:
        yield REPLACEMENT_ONE_SIDED.broken(booking.id, case.booking.shown)


def _is_replaced_by(old: Booking, new: Booking) -> bool:
    return old.replaced_by == new.id and old.status is BookingStatus.RESCHEDULED


def _replaces(new: Booking, old: Booking) -> bool:
    return new.replaces == old.id
