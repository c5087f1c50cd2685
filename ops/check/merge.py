"""Sorted streams, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def side_by_side(*streams: Iterable[tuple[str, T]]) -> Iterator[tuple[str, tuple[list[T], ...]]]:
    """Each key with what each stream has under it, smallest key first.

    Holds one item of each stream and what belongs to the present key. Where a stream is not sorted
    after all, a key comes more than once, each time with a part.
    """
    iterators = [iter(stream) for stream in streams]
    heads = [next(iterator, None) for iterator in iterators]
    while any(head is not None for head in heads):
        key = min(head[0] for head in heads if head is not None)
        groups: tuple[list[T], ...] = tuple([] for _ in iterators)
        for number, iterator in enumerate(iterators):
            head = heads[number]
            while head is not None and head[0] == key:
                groups[number].append(head[1])
                head = next(iterator, None)
            heads[number] = head
        yield key, groups
