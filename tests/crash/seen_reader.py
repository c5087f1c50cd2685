"""The checker's view of what was read already, of a database on which nobody is at work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument

from ops.check.reader import PAGE, Reader, Result, Wanted
from slotkeeper.adapters.mongo.documents import Document
from slotkeeper.adapters.mongo.seals import RAW, key_of
from tests.crash.picture import Seen


class SeenReader(Reader):
    """`Reader` of documents in memory. That the indexes are there, who made the database knows."""

    def __init__(self, seen: Seen, now: datetime, guards: Mapping[str, set[str]]):
        self._seen = seen
        self._now = now
        self._guards = guards

    def pages(
        self, collection: str, *, by: Sequence[str] = ("_id",), size: int = PAGE
    ) -> Iterator[list[Document]]:
        seen = self._seen.get(collection, ())
        page = sorted(map(dict, seen), key=lambda found: str(found["_id"]))
        if page:
            yield page

    def raw_pages(self, collection: str, *, size: int) -> Iterator[list[RawBSONDocument]]:
        # The driver encodes what it decoded to the same bytes (`tests/integration/test_audit.py`).
        page = [RawBSONDocument(bson.encode(d), RAW) for d in self._seen.get(collection, ())]
        if page:
            yield sorted(page, key=lambda found: (isinstance(found["_id"], str), found["_id"]))

    def raw_among(self, collection: str, ids: Iterable[object]) -> Iterator[RawBSONDocument]:
        wanted = {key_of(id_) for id_ in ids}
        for document in self._seen[collection]:
            if key_of(document["_id"]) in wanted:
                yield RawBSONDocument(bson.encode(document), RAW)

    def among(
        self,
        collection: str,
        field: str,
        values: Iterable[object],
        *,
        where: Mapping[str, Any] | None = None,
        only: Sequence[str] = (),
        index: str | None = None,
    ) -> Iterator[Document]:
        conditions = {field: {"$in": list(values)}, **(where or {})}
        for document in self._seen.get(collection, ()):
            if all(_fits(document.get(name), wanted) for name, wanted in conditions.items()):
                kept = only or document
                yield {name: document[name] for name in kept if name in document}

    def beginning_with(self, collection: str, beginnings: Iterable[str]) -> Iterator[Document]:
        starts = tuple(f"{one}-" for one in beginnings)
        yield from (dict(d) for d in self._seen[collection] if str(d["_id"]).startswith(starts))

    def count(self, what: str, number: int) -> None:
        """Nobody asks."""

    def now(self) -> datetime:
        return self._now

    def index_names(self, collection: str) -> set[str]:
        return self._guards[collection]

    def at_once(self, read: Callable[[Reader, Wanted], Result], wanted: Wanted) -> Result:
        return read(self, wanted)


def _fits(value: object, wanted: object) -> bool:
    if not isinstance(wanted, Mapping):
        return value == wanted
    [(operator, values)] = wanted.items()
    assert operator == "$in", f"not understood here: {operator}"
    return any(one in values for one in value) if isinstance(value, list) else value in values
