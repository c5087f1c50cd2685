"""Ways to read a database for its backup: as the command does, and as one must not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.database import Database

from ops.recovery.dump import Reading, Source, one_instant
from slotkeeper.adapters.mongo.seals import RAW

Document = dict[str, Any]  # Any: BSON


def stored(database: Database[Document]) -> dict[str, dict[Any, Document]]:
    """Everything in it, by collection and id."""
    return {
        name: {document["_id"]: document for document in database[name].find()}
        for name in database.list_collection_names()
        if database[name].find_one() is not None
    }


def stored_bytes(database: Database[Document]) -> dict[str, dict[Any, bytes]]:
    raw: Database[RawBSONDocument] = database.with_options(codec_options=RAW)
    return {
        name: {document["_id"]: bytes(document.raw) for document in raw[name].find()}
        for name in stored(database)
    }


class AtWork:
    """A source before each of whose collections something happens."""

    def __init__(self, source: Source, happens: Callable[[], object]):
        self.at = source.at
        self._source = source
        self._happens = happens

    def batches(self, collection: str) -> Iterator[bytes]:
        self._happens()
        yield from self._source.batches(collection)

    def count(self, collection: str) -> int:
        return self._source.count(collection)


class AsItComes:
    """The control: each collection as it is when its turn comes."""

    at = Timestamp(1, 1)

    def __init__(self, database: Database[Document]):
        self._database = database

    def batches(self, collection: str) -> Iterator[bytes]:
        yield from self._database[collection].find_raw_batches()

    def count(self, collection: str) -> int:
        return self._database[collection].count_documents({})


class Losing:
    """The control: one document is read by nobody."""

    def __init__(self, source: Source, collection: str):
        self.at = source.at
        self._source = source
        self._collection = collection

    def batches(self, collection: str) -> Iterator[bytes]:
        for batch in self._source.batches(collection):
            first = int.from_bytes(batch[:4], "little")
            yield batch[first:] if collection == self._collection else batch

    def count(self, collection: str) -> int:
        return self._source.count(collection) - (collection == self._collection)


def while_at_work(happens: Callable[[], object], reading: Reading = one_instant) -> Reading:
    return _around(reading, lambda source: AtWork(source, happens))


def losing(collection: str) -> Reading:
    return _around(one_instant, lambda source: Losing(source, collection))


@contextmanager
def as_it_comes(database: Database[Document]) -> Iterator[Source]:
    yield AsItComes(database)


def _around(reading: Reading, make: Callable[[Source], Source]) -> Reading:
    @contextmanager
    def read(database: Database[Document]) -> Iterator[Source]:
        inner: AbstractContextManager[Source] = reading(database)
        with inner as source:
            yield make(source)

    return read
