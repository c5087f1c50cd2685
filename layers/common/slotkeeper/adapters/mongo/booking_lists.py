"""Lists of bookings."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from pymongo.database import Database

from slotkeeper.adapters.mongo import paging
from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import BOOKINGS, Document, booking_of
from slotkeeper.adapters.mongo.fields import Fields, readable
from slotkeeper.adapters.mongo.indexes import (
    ALL_BOOKINGS,
    BOOKINGS_BY_STATUS,
    DOCTOR_BOOKINGS,
    USER_BOOKINGS,
)
from slotkeeper.ports.pages import MAX_TOTAL, Position

if TYPE_CHECKING:
    from slotkeeper.domain.booking import Booking
    from slotkeeper.ports.bookings import BookingFilter

MAX_DOCTORS = 100
"""Doctors of one query: MongoDB merges their parts of the index in order, of more it sorts all."""
_KEY = "startTime"

Item = TypeVar("Item")


class MongoBookingLists:
    """`BookingLists` on the collection `bookings`."""

    def __init__(self, database: Database[Document]):
        self._bookings = database[BOOKINGS]

    def page(
        self, wanted: BookingFilter, *, after: Position | None, skip: int, limit: int
    ) -> Sequence[Booking]:
        parts = list(_parts(wanted))
        with call():
            if len(parts) == 1:
                return self._read(wanted, parts[0], after, skip, limit, made=booking_of)
            return self._merged(wanted, parts, after, skip, limit)

    def _merged(
        self,
        wanted: BookingFilter,
        parts: Sequence[Document],
        after: Position | None,
        skip: int,
        limit: int,
    ) -> Sequence[Booking]:
        """Found by places alone, which the index tells: of each part they go as far as the page."""
        items: list[Booking] = []
        while True:
            missing = limit - len(items)
            lists = [
                self._read(
                    wanted,
                    part,
                    after,
                    0,
                    skip + missing,
                    made=_place_of,
                    shown={_KEY: 1, "_id": 1},
                )
                for part in parts
            ]
            in_order = heapq.merge(*lists, key=lambda place: (place.key, place.id))
            ids = [place.id for place in islice(in_order, skip, skip + missing)]
            found = {one["_id"]: one for one in self._bookings.find({"_id": {"$in": ids}})}
            items += readable([found[id_] for id_ in ids if id_ in found], booking_of)
            if len(items) == limit or len(ids) < missing:
                return items
            skip += missing  # what cannot be read is made up for

    def _read(
        self,
        wanted: BookingFilter,
        part: Document,
        after: Position | None,
        skip: int,
        limit: int,
        *,
        made: Callable[[Mapping[str, Any]], Item],
        shown: Mapping[str, int] | None = None,
    ) -> Sequence[Item]:
        bounds = _starts(wanted)
        if after is None:
            queries: Sequence[Document] = [paging.within(part, _KEY, bounds)]
        else:
            queries = paging.after(part, _KEY, bounds, after)
        index = _index_for(wanted)
        return paging.page(
            self._bookings, queries, _KEY, made, index=index, skip=skip, limit=limit, shown=shown
        )

    def count(self, wanted: BookingFilter) -> int:
        found = 0
        with call():
            for part in _parts(wanted):
                query = paging.within(part, _KEY, _starts(wanted))
                most = MAX_TOTAL - found
                found += paging.total(self._bookings, query, index=_index_for(wanted), most=most)
                if found == MAX_TOTAL:
                    break
        return found


def _place_of(document: Mapping[str, Any]) -> Position:
    fields = Fields(BOOKINGS, document)
    return Position(key=fields.time(_KEY), id=fields.own_id())


def _parts(wanted: BookingFilter) -> Iterator[Document]:
    """The queries that together are the list, but for its starts."""
    status = {} if wanted.status is None else {"status": wanted.status.value}
    if wanted.user_id is not None:
        yield {"userId": wanted.user_id, **status}
    elif wanted.doctor_ids is not None:
        for first in range(0, len(wanted.doctor_ids), MAX_DOCTORS):
            some = list(wanted.doctor_ids[first : first + MAX_DOCTORS])
            yield {"doctorId": {"$in": some}, **status}
    else:
        yield status


def _index_for(wanted: BookingFilter) -> str:
    if wanted.user_id is not None:
        return USER_BOOKINGS
    if wanted.doctor_ids is not None:
        return DOCTOR_BOOKINGS
    return BOOKINGS_BY_STATUS if wanted.status else ALL_BOOKINGS


def _starts(wanted: BookingFilter) -> Document:
    bounds = {"$gte": wanted.start, "$lt": wanted.end}
    return {name: bound for name, bound in bounds.items() if bound is not None}
