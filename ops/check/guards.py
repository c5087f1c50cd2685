"""The unique indexes that stand behind the decisions."""

from __future__ import annotations

from collections.abc import Iterator

from ops.check.reader import Reader
from ops.check.rules import GUARD_MISSING
from ops.violation import Violation
from slotkeeper.adapters.mongo.indexes import INDEXES


def guard_violations(reader: Reader) -> Iterator[Violation]:
    for collection, indexes in INDEXES.items():
        guards = {index.document["name"] for index in indexes if index.document.get("unique")}
        for name in sorted(guards - reader.index_names(collection) if guards else ()):
            yield GUARD_MISSING.broken(name, {"collection": collection, "index": name})
