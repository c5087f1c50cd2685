"""How the checker reads MongoDB: page by page in the order of `_id`, and a few by their keys.

The primary is asked, with read concern majority: only it knows the newest, and what it answers
cannot be rolled back. A secondary would lag by a different time with every page, and each lag would
look like a violation to be looked at again. Nothing here can write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import pymongo
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument
from pymongo import ReadPreference
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from ops.check.batches import batches
from slotkeeper.adapters.mongo.documents import Document
from slotkeeper.adapters.mongo.seals import RAW

PAGE = 1_000
FIRST_SECONDS = 5.0
"""Until the first answer: whoever mistyped an address should not wait for long."""
PAGE_SECONDS = 30.0
"""For one page: long enough to sit out an election."""
_NOT_TO_BE_HAD = {239, 246}  # SnapshotTooOld, SnapshotUnavailable: of a moment ago, try a newer one
_TRIES = 5

Progress = Callable[[str, int], None]
Wanted = TypeVar("Wanted")
Result = TypeVar("Result")
Stored = TypeVar("Stored", Document, RawBSONDocument)


class Reader:
    """Documents of one database, decoded whatever they hold."""

    def __init__(
        self,
        database: Database[Document],
        progress: Progress | None = None,
        session: ClientSession | None = None,
    ):
        self._database: Database[Document] = database.with_options(
            codec_options=CodecOptions(
                tz_aware=True,
                # What Python cannot hold must not stop the check.
                datetime_conversion=DatetimeConversion.DATETIME_AUTO,
                unicode_decode_error_handler="replace",
            ),
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
        )
        self._progress = progress or (lambda _collection, _count: None)
        self._session = session

    def pages(
        self, collection: str, *, by: Sequence[str] = ("_id",), size: int = PAGE
    ) -> Iterator[list[Document]]:
        """All documents, in the order of their ids, whatever type those are of.

        Each page is a query of its own that begins where the last one ended: no cursor stays open,
        so an election in between costs nothing. `by` another index, which ends in the id, and only
        its fields.
        """
        only = dict.fromkeys(by, 1) if len(by) > 1 else None
        return self._pages(self._of(collection), by, size, only)

    def raw_pages(self, collection: str, *, size: int) -> Iterator[list[RawBSONDocument]]:
        """The same, each document as the bytes that are stored."""
        return self._pages(self._of(collection).with_options(codec_options=RAW), ["_id"], size)

    def _pages(
        self,
        collection: Collection[Stored],
        by: Sequence[str],
        size: int,
        only: Mapping[str, int] | None = None,
    ) -> Iterator[list[Stored]]:
        index: list[tuple[str, Any]] = [(name, 1) for name in by]  # Any: as the driver has it
        last: Stored | None = None
        while True:
            cursor = collection.find(projection=only, session=self._session, batch_size=size + 2)
            cursor = cursor.hint(index).sort(index).limit(size + 1)
            if last is not None:
                # Bounds of the index itself: a comparison would stop at the next type of value.
                bounds: list[Any] = [(name, last.get(name)) for name in by]
                cursor = cursor.min(bounds)
            with pymongo.timeout(PAGE_SECONDS):
                page = list(cursor)
            if last is not None and page and page[0]["_id"] == last["_id"]:
                page = page[1:]
            if not page:
                return
            self._progress(collection.name, len(page))
            yield page
            # A list is in an index as its items: no place to go on from.
            ends = (d for d in reversed(page) if not any(isinstance(d.get(n), list) for n in by))
            last = next(ends, None)
            if last is None:
                return

    def documents(self, collection: str) -> Iterator[Document]:
        for page in self.pages(collection):
            yield from page

    def among(
        self,
        collection: str,
        field: str,
        values: Iterable[object],
        *,
        where: Mapping[str, Any] | None = None,  # Any: BSON
        only: Sequence[str] = (),
        index: str | None = None,
    ) -> Iterator[Document]:
        """Documents whose `field` is one of the values, which an index knows; `only` these fields.

        With `index`, by no other: without it, each call would read the whole collection.
        """
        projection = {**dict.fromkeys(only, 1), "_id": 0} if only else None
        for some in batches(values, PAGE):
            query = {field: {"$in": some}, **(where or {})}
            yield from self._found(collection, query, projection, index)

    def raw_among(self, collection: str, ids: Iterable[object]) -> Iterator[RawBSONDocument]:
        """Documents with these ids, as the bytes that are stored."""
        raw = self._of(collection).with_options(codec_options=RAW)
        for some in batches(ids, PAGE):
            with pymongo.timeout(PAGE_SECONDS):
                found = list(raw.find({"_id": {"$in": some}}, session=self._session))
            self._progress(collection, len(found))
            yield from found

    def beginning_with(self, collection: str, beginnings: Iterable[str]) -> Iterator[Document]:
        """Documents whose id begins so, and ends in a dash and something."""
        # The dot is the character after the dash.
        ranges = [{"_id": {"$gt": f"{one}-", "$lt": f"{one}."}} for one in beginnings]
        if ranges:
            yield from self._found(collection, {"$or": ranges})

    def count(self, what: str, number: int) -> None:
        """Tell the progress that so many were read."""
        self._progress(what, number)

    def now(self) -> datetime:
        """By the server's clock, which is what `$$NOW` tells too."""
        with pymongo.timeout(FIRST_SECONDS):
            hello = self._database.command("hello", codec_options=self._database.codec_options)
        told = hello["localTime"]
        assert isinstance(told, datetime)
        return told

    def index_names(self, collection: str) -> set[str]:
        with pymongo.timeout(PAGE_SECONDS):
            return set(self._of(collection).index_information())

    def at_once(self, read: Callable[[Reader, Wanted], Result], wanted: Wanted) -> Result:
        """What `read` finds at one instant of the database, however many queries it takes."""
        for attempt in range(_TRIES):
            with self._database.client.start_session(snapshot=True) as session:
                try:
                    return read(Reader(self._database, self._progress, session), wanted)
                except OperationFailure as error:
                    if error.code not in _NOT_TO_BE_HAD or attempt == _TRIES - 1:
                        raise
        raise AssertionError  # the last attempt returned or raised

    def _found(
        self,
        collection: str,
        query: Mapping[str, Any],
        projection: Mapping[str, Any] | None = None,
        index: str | None = None,
    ) -> list[Document]:
        with pymongo.timeout(PAGE_SECONDS):
            cursor = self._of(collection).find(query, projection, session=self._session)
            found = list((cursor.hint(index) if index else cursor).batch_size(PAGE))
        self._progress(collection, len(found))
        return found

    def _of(self, collection: str) -> Collection[Document]:
        return self._database[collection]
