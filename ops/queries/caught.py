"""A database that carries nothing out: what the adapters would send to it is caught on its way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast

from pymongo.database import Database

from slotkeeper.adapters.mongo.documents import Document

Statement = dict[str, Any]  # Any: commands hold what BSON holds


class Caught:
    """Keeps what was asked, each as `explain` takes it; answers that nothing is there.

    But for `documents`, which the next find in their collection answers: what follows from them is
    asked then, too.
    """

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.documents: dict[str, list[Document]] = {}
        self.client = None

    def __getitem__(self, collection: str) -> _Collection:
        return _Collection(collection, self)

    @property
    def as_database(self) -> Database[Document]:
        return cast("Database[Document]", self)  # as far as the adapters use one


@dataclass(frozen=True)
class _Done:
    matched_count: int = 0
    modified_count: int = 0
    deleted_count: int = 0


@dataclass
class _Cursor:
    statement: Statement
    caught: Caught = field(repr=False)

    def sort(self, order: Sequence[tuple[str, int]] | str, direction: int = 1) -> Self:
        self.statement["sort"] = {order: direction} if isinstance(order, str) else dict(order)
        return self

    def hint(self, index: str) -> Self:
        self.statement["hint"] = index
        return self

    def skip(self, count: int) -> Self:
        self.statement |= {"skip": count} if count else {}
        return self

    def limit(self, count: int) -> Self:
        self.statement |= {"limit": count}
        return self

    def batch_size(self, _: int) -> Self:
        return self

    def clone(self) -> _Cursor:
        return _Cursor(dict(self.statement), self.caught)

    def __iter__(self) -> Iterator[Document]:
        self.caught.statements.append(self.statement)
        return iter(self.caught.documents.pop(self.statement["find"], []))


class _Collection:
    def __init__(self, name: str, caught: Caught):
        self._name = name
        self._caught = caught

    def with_options(self, **_: object) -> Self:
        return self

    def find(
        self, wanted: Document, shown: Any = None, *, sort: Any = None, hint: str | None = None
    ) -> _Cursor:
        cursor = _Cursor({"find": self._name, "filter": wanted}, self._caught)
        if shown:
            cursor.statement["projection"] = dict(shown)
        if sort:
            cursor.sort(sort)
        return cursor.hint(hint) if hint else cursor

    def find_one(self, wanted: Document, shown: Any = None, *, sort: Any = None) -> None:
        next(iter(self.find(wanted, shown, sort=sort).limit(1)), None)

    def find_one_and_update(self, wanted: Document, update: Any, **options: Any) -> None:
        change = {"findAndModify": self._name, "query": wanted, "update": update}
        shown = {"fields": options["projection"]} if options.get("projection") else {}
        self._caught.statements.append({**change, **shown, "upsert": bool(options.get("upsert"))})

    def update_one(self, wanted: Document, update: Any) -> _Done:
        return self._update(wanted, update, is_of_many=False)

    def update_many(self, wanted: Document, update: Any) -> _Done:
        return self._update(wanted, update, is_of_many=True)

    def _update(self, wanted: Document, update: Any, *, is_of_many: bool) -> _Done:
        change = {"q": wanted, "u": update, "multi": is_of_many}
        self._caught.statements.append({"update": self._name, "updates": [change]})
        return _Done()

    def aggregate(self, pipeline: list[Document], *, hint: str | None = None) -> Iterator[Document]:
        asked = {"aggregate": self._name, "pipeline": pipeline, "cursor": {}}
        self._caught.statements.append({**asked, "hint": hint} if hint else asked)
        return iter(())

    def count_documents(self, wanted: Document, *, limit: int, hint: str) -> int:
        # As the driver asks it.
        counted = {"$group": {"_id": 1, "n": {"$sum": 1}}}
        self.aggregate([{"$match": wanted}, {"$limit": limit}, counted], hint=hint)
        return 0

    def estimated_document_count(self) -> int:
        return 0
