"""A zone's time over a while, as the stretches in which its offset from UTC stays the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

_STEP = 6 * 60 * 60
"""No zone has changed its offset and changed it back within six hours."""


class Era(NamedTuple):
    """`offset` seconds ahead of UTC from `start` until `end`, both in seconds since 1970."""

    start: int
    end: int
    offset: int


def eras(time_zone: str, start: datetime, end: datetime) -> list[Era]:
    """The stretches of one offset that make up `[start, end)`, oldest first."""
    zone = ZoneInfo(time_zone)

    def offset_at(second: int) -> int:
        offset = datetime.fromtimestamp(second, zone).utcoffset()
        assert offset is not None
        return round(offset.total_seconds())

    found: list[Era] = []
    begins, ends = round(start.timestamp()), round(end.timestamp())
    looked, offset = begins, offset_at(begins)
    while looked < ends:
        ahead = min(looked + _STEP, ends)
        if offset_at(ahead) == offset:
            looked = ahead
            continue
        looked = _first_change(offset_at, looked, ahead)
        found.append(Era(begins, looked, offset))
        begins, offset = looked, offset_at(looked)
    if begins < ends:
        found.append(Era(begins, ends, offset))
    return found


def _first_change(offset_at: Callable[[int], int], before: int, after: int) -> int:
    """The first second with another offset than `before` has."""
    offset = offset_at(before)
    while after - before > 1:
        middle = (before + after) // 2
        if offset_at(middle) == offset:
            before = middle
        else:
            after = middle
    return after


def date_in(time_zone: str, instant: datetime) -> str:
    """The calendar date of an instant in the zone."""
    return instant.astimezone(ZoneInfo(time_zone)).date().isoformat()


def instant_of(second: int) -> datetime:
    """The instant that many seconds after 1970 began."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
