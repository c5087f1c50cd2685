"""Databases with every index, lent to one test after another.

Making one and dropping it takes two hundred times as long as emptying it, and mongod keeps the
files of a dropped one open for a while.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from slotkeeper.adapters.mongo.indexes import INDEXES, create_indexes

Indexes = dict[str, dict[str, Any]]


class Databases:
    def __init__(self, client: MongoClient[dict[str, Any]]) -> None:
        self._client = client
        self._idle: list[tuple[Database[dict[str, Any]], Indexes]] = []

    @contextmanager
    def one(self) -> Iterator[Database[dict[str, Any]]]:
        """An empty one that nobody else has meanwhile."""
        database, made_with = self._idle.pop() if self._idle else self._new()
        yield database
        if _is_profiled(database) or _emptied(database) != made_with:
            self._client.drop_database(database)  # a control took an index away, say
        else:
            self._idle.append((database, made_with))

    def drop_all(self) -> None:
        while self._idle:
            self._client.drop_database(self._idle.pop()[0])

    def _new(self) -> tuple[Database[dict[str, Any]], Indexes]:
        database = self._client[f"t{uuid.uuid4().hex[:12]}"]
        create_indexes(database)
        return database, _emptied(database)


def _is_profiled(database: Database[dict[str, Any]]) -> bool:
    return "system.profile" in database.list_collection_names()


def _emptied(database: Database[dict[str, Any]]) -> Indexes:
    """Remove every document; which indexes there are."""
    for name in database.list_collection_names():
        database[name].delete_many({})
    return {name: dict(database[name].index_information()) for name in INDEXES}
