"""Documents that belong to no slot: by their id they are nothing that the system makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ops.check.batches import batches
from ops.check.reader import Reader
from ops.check.slot_case import slot_of_fact
from ops.check.stored import Stored, audit_stored, event_stored, slot_stored, unfit
from ops.violation import Violation
from slotkeeper.adapters.mongo.documents import AUDIT_LOGS, OUTBOX, SLOTS, Document

_MOST = 500
_READ: Mapping[str, Callable[[Document], Stored[Any]]] = {  # Any: whatever it says
    SLOTS: slot_stored,
    AUDIT_LOGS: audit_stored,
    OUTBOX: event_stored,
}


class Strays:
    """Sets aside what has no place in the order of slots, to be looked at by itself."""

    def __init__(self, reader: Reader):
        self._reader = reader
        self._ids: dict[str, list[object]] = {collection: [] for collection in _READ}

    def keyed(self, collection: str) -> Iterator[tuple[str, Document]]:
        """Documents of the collection under the slot they belong to; not a clinic's requests."""
        key_of = _own_id if collection == SLOTS else slot_of_fact
        for document in self._reader.documents(collection):
            key = key_of(document["_id"])
            if key is not None:
                yield key, document
            elif not (collection == AUDIT_LOGS and _is_of_clinic(document)):
                self._ids[collection].append(document["_id"])

    def violations(self) -> Iterator[Violation]:
        """What is wrong with those that were set aside since the last call."""
        for collection, ids in self._ids.items():
            for some in batches(ids, _MOST):
                yield from self._of(collection, some)
            ids.clear()

    def _of(self, collection: str, ids: Sequence[object]) -> Iterator[Violation]:
        for document in self._reader.among(collection, "_id", ids):
            yield from unfit(_READ[collection](document))


def _own_id(id_: object) -> str | None:
    return id_ if isinstance(id_, str) else None


def _is_of_clinic(entry: Document) -> bool:
    """What the log keeps of a clinic's request: no fact of a slot, and no event of it."""
    return "details" in entry and "slotId" not in entry
