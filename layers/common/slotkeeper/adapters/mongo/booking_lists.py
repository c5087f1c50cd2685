"""Lists of bookings."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import islice

from pymongo.database import Database

from slotkeeper.adapters.mongo import paging
from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import BOOKINGS, Document, booking_of
from slotkeeper.adapters.mongo.indexes import (
    ALL_BOOKINGS,
    BOOKINGS_BY_STATUS,
    DOCTOR_BOOKINGS,
    USER_BOOKINGS,
)
from slotkeeper.domain.booking import Booking
from slotkeeper.ports.bookings import BookingFilter
from slotkeeper.ports.pages import MAX_TOTAL, Position

MAX_DOCTORS = 100
"""Doctors of one query: MongoDB merges their parts of the index in order, of more it sorts all."""
_KEY = "startTime"


class MongoBookingLists:
    """`BookingLists` on the collection `bookings`."""

    def __init__(self, database: Database[Document]):
        self._bookings = database[BOOKINGS]

    def page(
        self, wanted: BookingFilter, *, after: Position | None, skip: int, limit: int
    ) -> Sequence[Booking]:
        parts = list(_parts(wanted))
        if len(parts) == 1:
            with call():
                return self._read(wanted, parts[0], after, skip, limit)
        with call():
            lists = [self._read(wanted, part, after, 0, skip + limit) for part in parts]
            bookings = heapq.merge(*lists, key=lambda booking: (booking.start_time, booking.id))
            return list(islice(bookings, skip, skip + limit))

    def _read(
        self, wanted: BookingFilter, part: Document, after: Position | None, skip: int, limit: int
    ) -> Sequence[Booking]:
        bounds = _starts(wanted)
        if after is None:
            queries: Sequence[Document] = [paging.within(part, _KEY, bounds)]
        else:
            queries = paging.after(part, _KEY, bounds, after)
        index = _index_for(wanted)
        return paging.page(
            self._bookings, queries, _KEY, booking_of, index=index, skip=skip, limit=limit
        )

    def count(self, wanted: BookingFilter) -> int:
        index = _index_for(wanted)
        queries = [paging.within(part, _KEY, _starts(wanted)) for part in _parts(wanted)]
        with call():
            counts = (paging.total(self._bookings, query, index=index) for query in queries)
            return min(sum(counts), MAX_TOTAL)


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
