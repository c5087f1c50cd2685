"""The checker's view of what was read already, of a database on which nobody is at work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ops.check.reader import Reader, Result, Wanted
from slotkeeper.adapters.mongo.documents import Document
from tests.crash.picture import Seen


class SeenReader(Reader):
    """`Reader` of documents in memory. That the indexes are there, who made the database knows."""

    def __init__(self, seen: Seen, now: datetime, guards: Mapping[str, set[str]]):
        self._seen = seen
        self._now = now
        self._guards = guards

    def pages(self, collection: str) -> Iterator[list[Document]]:
        page = sorted(map(dict, self._seen[collection]), key=lambda found: str(found["_id"]))
        if page:
            yield page

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
        for document in self._seen[collection]:
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
    return value in values
