"""What must hold of the facts told of one slot: in itself, the audit log and the outbox."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import timedelta
from itertools import pairwise

from ops.check.moment import CLOCKS_DIFFER, Moment
from ops.check.rules import (
    AUDIT_WITHOUT_EVENT,
    BOOKING_DISAGREES_WITH_FACTS,
    BOOKING_LOST,
    EVENT_DIFFERS_FROM_AUDIT,
    EVENT_NOT_SENT,
    EVENT_WITHOUT_AUDIT,
    FACTS_DO_NOT_CHAIN,
    FACTS_OUT_OF_ORDER,
    SLOT_DISAGREES_WITH_FACTS,
)
from ops.check.slot_case import SlotCase
from ops.check.stored import Stored, Told, unfit
from ops.violation import Violation
from slotkeeper.domain.booking import ENDS, Booking, BookingStatus
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.slot import CONFIRM, SlotStatus

EVENT_KEPT = timedelta(days=13)
"""A sent event is there this long at least: a day less than `indexes.py` keeps it."""


def fact_violations(case: SlotCase, moment: Moment) -> Iterator[Violation]:
    for stored in (*case.audit.values(), *case.events.values()):
        yield from unfit(stored)
    yield from _both_told(case, moment)
    if not case.is_readable:
        # Of what cannot be read nobody knows what it told.
        return
    facts = case.facts()
    yield from _order(case, facts)
    chained = yield from _chain(case, facts)
    if chained:
        yield from _outcome(case, facts)
    yield from _bookings(case, facts, moment)


def _both_told(case: SlotCase, moment: Moment) -> Iterator[Violation]:
    coming = {fact.id for fact in case.pending if moment.is_under_way(fact.at)}
    for id_ in sorted(case.audit.keys() | case.events.keys()):
        entry, event = case.audit.get(id_), case.events.get(id_)
        if event and not entry and id_ not in coming:
            yield EVENT_WITHOUT_AUDIT.broken(id_, event.shown)
        if entry and not event and id_ not in coming and _must_have_event(entry, moment):
            yield AUDIT_WITHOUT_EVENT.broken(id_, entry.shown)
        if entry and event and entry.says and event.says and entry.says.fact != event.says.fact:
            yield EVENT_DIFFERS_FROM_AUDIT.broken(id_, entry.shown, event.shown)
        if event and _is_stuck(event, moment):
            yield EVENT_NOT_SENT.broken(id_, event.shown)


def _must_have_event(entry: Stored[Told], moment: Moment) -> bool:
    return entry.says is not None and entry.says.fact.at > moment.now - EVENT_KEPT


def _is_stuck(event: Stored[Told], moment: Moment) -> bool:
    told = event.says
    return told is not None and told.is_unsent and not moment.is_under_way(told.fact.at)


def _order(case: SlotCase, facts: list[DomainEvent]) -> Iterator[Violation]:
    for earlier, later in pairwise(facts):
        # The later one may be of another server's clock: there may have been an election between.
        if later.at < earlier.at - CLOCKS_DIFFER:
            yield FACTS_OUT_OF_ORDER.broken(later.id, *case.documents_of(earlier, later))


def _chain(case: SlotCase, facts: list[DomainEvent]) -> Generator[Violation, None, bool]:
    """Whether each confirmation is followed by its own end, or by nothing."""
    for before, fact in pairwise([None, *facts]):
        assert fact is not None
        is_booked = before is not None and before.type == CONFIRM.event
        ends = fact.type in ENDS
        if is_booked != ends or (before and ends and before.booking_id != fact.booking_id):
            about = [before, fact] if before else [fact]
            yield FACTS_DO_NOT_CHAIN.broken(fact.id, *case.documents_of(*about))
            return False
    return True


def _outcome(case: SlotCase, facts: list[DomainEvent]) -> Iterator[Violation]:
    """The slot is as the newest of its facts left it."""
    last = facts[-1] if facts else None
    slot = case.slot.says.slot if case.slot and case.slot.says else None
    told = last.booking_id if last and last.type == CONFIRM.event else None
    booked = slot.booking_id if slot and slot.status is SlotStatus.BOOKED else None
    is_newer = bool(last and slot and last.version > slot.version)
    if told != booked or is_newer:
        about = case.documents_of(last) if last else case.documents_of()
        yield SLOT_DISAGREES_WITH_FACTS.broken(case.slot_id, *about)


def _bookings(case: SlotCase, facts: list[DomainEvent], moment: Moment) -> Iterator[Violation]:
    """Each booking is as the facts that tell of it made it."""
    coming = {fact.id for fact in case.pending if moment.is_under_way(fact.at)}
    told: dict[str, list[DomainEvent]] = {}
    for fact in facts:
        if fact.booking_id:
            told.setdefault(fact.booking_id, []).append(fact)
    for id_, of_it in told.items():
        stored = case.bookings.get(id_)
        if stored is None:
            if not all(fact.id in coming for fact in of_it):
                yield BOOKING_LOST.broken(id_, *case.documents_of(*of_it))
        elif stored.says is not None:
            # What is under way reaches the booking one after the other; some of it may have.
            settled = sum(fact.id not in coming for fact in of_it)
            reached = (of_it[:count] for count in range(settled, len(of_it) + 1))
            if not any(_is_as_told(stored.says, facts) for facts in reached):
                documents = case.documents_of(*of_it)
                yield BOOKING_DISAGREES_WITH_FACTS.broken(id_, stored.shown, *documents)


def _is_as_told(booking: Booking, facts: list[DomainEvent]) -> bool:
    """Whether the booking is what these facts make of one; without a beginning, none is."""
    if not facts or facts[0].type != CONFIRM.event:
        return False
    made, ends = facts[0], facts[1:]
    newest = facts[-1]
    return (
        booking.slot_id,
        booking.attempt_id,
        booking.user_id,
        booking.replaces,
        booking.created_at,
        booking.status,
        booking.version,
        booking.updated_at,
        booking.replaced_by,
    ) == (
        made.slot_id,
        made.attempt_id,
        made.user_id,
        made.replaces,
        made.at,
        newest.to_status if ends else BookingStatus.CONFIRMED,
        len(facts),
        newest.at,
        newest.replaced_by if ends else None,
    )
