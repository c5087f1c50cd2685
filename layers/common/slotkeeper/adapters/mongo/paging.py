"""Pages of a list ordered by (key, _id), each read from its place in an index.

The index is named: which one serves a filter in order is known here, where the planner tries out
and may settle on one that has to sort, or to read what it does not return.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pymongo.collection import Collection
from pymongo.cursor import Cursor

from slotkeeper.adapters.mongo.fields import readable
from slotkeeper.ports.pages import MAX_TOTAL, Position

if TYPE_CHECKING:
    from slotkeeper.adapters.mongo.documents import Document

Item = TypeVar("Item")
Bounds = Mapping[str, Any]  # Any: operators with what BSON holds


def within(query: Document, key: str, bounds: Bounds) -> Document:
    """What to ask for the items of `query` whose `key` is within `bounds`."""
    return {**query, key: dict(bounds)} if bounds else query


def after(query: Document, key: str, bounds: Bounds, place: Position) -> Sequence[Document]:
    """The same after a place: first what is left of its tie, then what has a later key.

    Two ranges of the index, so that a tie as long as the list is not read through.
    """
    later = {name: bound for name, bound in bounds.items() if name != "$gte"}
    return (
        {**query, key: place.key, "_id": {"$gt": place.id}},
        {**query, key: {**later, "$gt": place.key}},
    )


def page(
    collection: Collection[Document],
    queries: Sequence[Document],
    key: str,
    made: Callable[[Mapping[str, Any]], Item],
    *,
    index: str,
    skip: int,
    limit: int,
    shown: Mapping[str, int] | None = None,
) -> Sequence[Item]:
    """`limit` items of the queries, one after the other; `skip` is for a list of one query.

    Made of whole documents, or of the fields `shown`.
    """
    items: list[Item] = []
    for query in queries:
        if len(items) < limit:
            # Within a tie the key is no order, and asking for it would cost the merge by `_id`.
            is_tie = "_id" in query
            order = [("_id", 1)] if is_tie else [(key, 1), ("_id", 1)]
            ask = partial(_asked, collection, query, shown, order, index)
            read = partial(readable, made=made)
            items += filled(ask, read, skip=skip, limit=limit - len(items))
    return items


def _asked(
    collection: Collection[Document],
    query: Document,
    shown: Mapping[str, int] | None,
    order: Sequence[tuple[str, int]],
    index: str,
) -> Cursor[Document]:
    return collection.find(query, shown).sort(order).hint(index)


def filled(
    ask: Callable[[], Cursor[Document]],
    read: Callable[[Sequence[Document]], list[Item]],
    *,
    skip: int,
    limit: int,
) -> list[Item]:
    """`limit` items from `skip` on. What `read` leaves out, as it cannot be read, is made up for.

    So a list goes on behind it. Of pages by number, those after it may repeat an item. It is asked
    anew, as a copy of a cursor costs more than what was copied.
    """
    items: list[Item] = []
    while True:
        wanted = limit - len(items)
        documents = list(ask().skip(skip).limit(wanted))
        items += read(documents)
        if len(items) == limit or len(documents) < wanted:
            return items
        skip += wanted


def total(
    collection: Collection[Document], query: Document, *, index: str, most: int = MAX_TOTAL
) -> int:
    """How many there are, up to `most`; of the whole collection as its metadata has it."""
    if not query:
        return min(collection.estimated_document_count(), most)
    return collection.count_documents(query, limit=most, hint=index)
