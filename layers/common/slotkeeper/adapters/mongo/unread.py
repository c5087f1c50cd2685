"""Slots as the sweep and the relay read them: what cannot be read is set aside on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pymongo.collection import Collection

from slotkeeper.adapters.mongo.change import SHOWN, is_of_later_version
from slotkeeper.adapters.mongo.documents import SLOTS, Document, pending_event_of, slot_of
from slotkeeper.adapters.mongo.fields import Fields
from slotkeeper.adapters.mongo.set_aside import set_fact_aside, set_slot_aside
from slotkeeper.domain.attempt import booking_id
from slotkeeper.domain.errors import Corrupted

if TYPE_CHECKING:
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.domain.slot import Slot


def read_facts(
    slots: Collection[Document], document: Document
) -> Iterator[tuple[Slot, DomainEvent]]:
    """What the slot has to be recorded, oldest first.

    A fact that cannot be read is set aside, and with it those that follow it of the same booking
    or attempt, for they build on it. All others go on.
    """
    try:
        slot = slot_of(document)
        pending = _list_of(document)
    except Corrupted as corrupted:
        set_slot_aside(slots, document["_id"], corrupted)
        return
    if any(is_of_later_version(fact) for fact in pending):
        return  # all of them are for code that knows it, in their order
    broken: set[str] = set()
    for fact in pending:
        try:
            event = pending_event_of(document, fact)
            if event.aggregate_id in broken:
                waits = "follows one of the same booking that cannot be read"
                raise Fields(SLOTS, document).wrong("pendingEvents", waits)
        except Corrupted as corrupted:
            broken |= _about(fact)
            set_fact_aside(slots, document["_id"], fact, corrupted)
        else:
            yield slot, event


def set_unsound_aside(slots: Collection[Document], ids: Sequence[Any]) -> None:
    """Set aside those of the slots that are reserved, nobody can say for whom or until when."""
    for document in slots.find({"_id": {"$in": list(ids)}}, SHOWN) if ids else ():
        try:
            slot_of(document)
            _list_of(document)
        except Corrupted as corrupted:
            set_slot_aside(slots, document["_id"], corrupted)


def _list_of(document: Document) -> list[Any]:
    pending = document.get("pendingEvents", [])
    if not isinstance(pending, list):
        raise Fields(SLOTS, document).wrong("pendingEvents", "not a list")
    return pending


def _about(fact: Any) -> set[str]:
    """Whose fact it is, as far as it says."""
    known = fact if isinstance(fact, dict) else {}
    attempt, booking = known.get("attemptId"), known.get("bookingId")
    theirs = [attempt, booking_id(attempt)] if isinstance(attempt, str) and attempt else []
    return {*theirs, *([booking] if isinstance(booking, str) else [])}
