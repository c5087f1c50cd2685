"""Everything that concerns one slot: the slot, what is told of it, and the bookings it names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ops.check.reader import Reader
from ops.check.stored import (
    SlotSeen,
    Stored,
    Told,
    audit_stored,
    booking_stored,
    event_stored,
    slot_stored,
)
from slotkeeper.adapters.mongo.documents import AUDIT_LOGS, BOOKINGS, OUTBOX, SLOTS, Document
from slotkeeper.domain.booking import Booking
from slotkeeper.domain.events import DomainEvent


@dataclass(slots=True)
class SlotCase:
    slot_id: str
    slot: Stored[SlotSeen] | None = None
    audit: dict[str, Stored[Told]] = field(default_factory=dict)
    """By the fact's id, as are the events."""
    events: dict[str, Stored[Told]] = field(default_factory=dict)
    bookings: dict[str, Stored[Booking]] = field(default_factory=dict)

    @property
    def pending(self) -> tuple[DomainEvent, ...]:
        return self.slot.says.pending if self.slot and self.slot.says else ()

    @property
    def is_readable(self) -> bool:
        """Whether every part of it can be read, so that none is missed."""
        parts = [*self.audit.values(), *self.events.values()]
        return all(part.says for part in parts) and (self.slot is None or bool(self.slot.says))

    def facts(self) -> list[DomainEvent]:
        """All that is told, wherever it is, oldest first, each once."""
        told = {fact.id: fact for fact in self.pending}
        for part in (*self.events.values(), *self.audit.values()):
            if part.says:
                told[part.says.fact.id] = part.says.fact
        return sorted(told.values(), key=lambda fact: fact.version)

    def named(self) -> set[str]:
        """The ids of the bookings that any part of it names."""
        names = {fact.booking_id for fact in self.facts()}
        if self.slot and self.slot.says:
            names.add(self.slot.says.slot.booking_id)
        return {name for name in names if name}

    def documents_of(self, *facts: DomainEvent) -> list[Document]:
        """Where these facts stand, as they may be shown."""
        places = (self.audit, self.events)
        return [place[fact.id].shown for fact in facts for place in places if fact.id in place] + (
            [self.slot.shown] if self.slot else []
        )


def slot_case(
    slot_id: str, slots: Iterable[Document], audit: Iterable[Document], events: Iterable[Document]
) -> SlotCase:
    case = SlotCase(slot_id)
    for document in slots:
        case.slot = slot_stored(document)
    for document in audit:
        case.audit[document["_id"]] = audit_stored(document)
    for document in events:
        case.events[document["_id"]] = event_stored(document)
    return case


def add_bookings(reader: Reader, cases: Sequence[SlotCase]) -> None:
    """Give each case the bookings it names, read all at once."""
    named = [(case, name) for case in cases for name in case.named()]
    found = {b["_id"]: b for b in reader.among(BOOKINGS, "_id", {name for _, name in named})}
    for case, name in named:
        if name in found:
            case.bookings[name] = booking_stored(found[name])


def read_slot_cases(reader: Reader, slot_ids: Sequence[str]) -> list[SlotCase]:
    """The cases as they are now; to be read at one instant."""
    by_slot: dict[str, tuple[list[Document], list[Document], list[Document]]] = {
        slot_id: ([], [], []) for slot_id in slot_ids
    }
    for document in reader.among(SLOTS, "_id", slot_ids):
        by_slot[document["_id"]][0].append(document)
    for number, collection in ((1, AUDIT_LOGS), (2, OUTBOX)):
        for document in reader.beginning_with(collection, slot_ids):
            slot_id = slot_of_fact(document["_id"])
            if slot_id is not None and slot_id in by_slot:
                by_slot[slot_id][number].append(document)
    cases = [slot_case(slot_id, *parts) for slot_id, parts in by_slot.items()]
    add_bookings(reader, cases)
    return cases


def slot_of_fact(fact_id: object) -> str | None:
    """The slot whose fact has this id; None where it is no fact's id at all."""
    return fact_id.rpartition("-")[0] or None if isinstance(fact_id, str) else None
