"""Weekly schedules, and the slots they come to: what a clock on the wall of a zone shows.

A window of a date is the set of instants at which that clock shows that date and a time in
`[start, end)`. So an hour that the clock skips has no slots, and one that it shows twice has them
twice; a date that the zone skipped has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from slotkeeper.domain.errors import InvalidRequest
from slotkeeper.domain.slot import Slot, SlotStatus, slot_id
from slotkeeper.domain.time_zone import Era, date_in, eras, instant_of
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.doctor import Doctor

MAX_SLOTS = 10_000
"""A schedule makes no more at once."""
_MINUTE = 60
_FARTHEST = timedelta(days=2)
"""No zone's date is farther from that of UTC."""

Span = tuple[int, int]
"""From the first until before the second: minutes of a day, or seconds since 1970."""


class Hours(Value, kw_only=True):
    """`[start, end)` in minutes of a day, on one day of the week (ISO, Monday is 1) or on all."""

    start: int
    end: int
    day: int | None = None

    @property
    def span(self) -> Span:
        return self.start, self.end


class WeeklySchedule(Value, kw_only=True):
    """Hours of each week from the date `first` to `last`, without breaks and holidays."""

    time_zone: str
    weekly: tuple[Hours, ...]
    slot_minutes: int
    first: date
    last: date
    breaks: tuple[Hours, ...] = ()
    holidays: frozenset[date] = frozenset()


def slots_of(schedule: WeeklySchedule, doctor: Doctor, *, version: int = 1) -> list[Slot]:
    """The doctor's slots, by start: each stretch of time on duty cut up from its beginning.

    What is left at a stretch's end is no slot. A stretch ends with its date at the latest.

    Raises:
        InvalidRequest: more than `MAX_SLOTS`.
    """
    length = schedule.slot_minutes * _MINUTE
    on_duty = list(_on_duty(schedule))
    if sum((end - start) // length for start, end in on_duty) > MAX_SLOTS:
        raise InvalidRequest([("", f"makes more than {MAX_SLOTS} slots: give a shorter time")])
    starts = (at for start, end in on_duty for at in range(start, end - length + 1, length))
    return [_slot(doctor, instant_of(at), schedule.slot_minutes, version) for at in starts]


def without_overlaps(
    wanted: Sequence[Slot], taken: Iterable[tuple[datetime, datetime]]
) -> list[Slot]:
    """The wanted slots that share no instant with a taken time; all are by start."""
    left = []
    ahead = iter(sorted(taken))
    latest_end = datetime.min.replace(tzinfo=UTC)
    next_taken = next(ahead, None)
    for slot in wanted:
        while next_taken is not None and next_taken[0] < slot.end_time:
            latest_end = max(latest_end, next_taken[1])
            next_taken = next(ahead, None)
        if latest_end <= slot.start_time:
            left.append(slot)
    return left


def _slot(doctor: Doctor, start: datetime, minutes: int, version: int) -> Slot:
    return Slot(
        id=slot_id(doctor.id, start),
        doctor_id=doctor.id,
        date=date_in(doctor.time_zone, start),
        start_time=start,
        end_time=start + timedelta(minutes=minutes),
        status=SlotStatus.ACTIVE,
        version=version,
    )


def _on_duty(schedule: WeeklySchedule) -> Iterator[Span]:
    """The stretches of time on duty, in seconds since 1970, date by date."""
    first, last = (datetime.combine(day, time(), UTC) for day in (schedule.first, schedule.last))
    offsets = eras(schedule.time_zone, first - _FARTHEST, last + _FARTHEST)
    hours = {day: _hours_on(day, schedule) for day in range(1, 8)}
    found: list[Span] = []
    for number in range((last - first).days + 1):
        midnight = first + timedelta(days=number)
        if midnight.date() not in schedule.holidays:
            found += _instants(hours[midnight.isoweekday()], round(midnight.timestamp()), offsets)
    return iter(sorted(found))


def _hours_on(day: int, schedule: WeeklySchedule) -> list[Span]:
    """The minutes on duty of a day of the week, by the clock on the wall."""
    windows = [hours.span for hours in schedule.weekly if hours.day in {None, day}]
    breaks = _united(hours.span for hours in schedule.breaks if hours.day in {None, day})
    left = []
    for start, end in _united(windows):
        for pause_start, pause_end in breaks:
            if pause_start < end and start < pause_end:
                left.append((start, pause_start))
                start = pause_end  # noqa: PLW2901  # what is left of it
        left.append((start, end))
    return [(start, end) for start, end in left if start < end]


def _instants(hours: Iterable[Span], midnight: int, offsets: Iterable[Era]) -> list[Span]:
    """When the clock on the wall shows these hours of the date that begins at its `midnight`."""
    spans = (
        (
            max(midnight + start * _MINUTE - era.offset, era.start),
            min(midnight + end * _MINUTE - era.offset, era.end),
        )
        for start, end in hours
        for era in offsets
    )
    return _united((start, end) for start, end in spans if start < end)


def _united(spans: Iterable[Span]) -> list[Span]:
    """The same set in as few spans as there can be, in order."""
    united: list[Span] = []
    for start, end in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = united[-1][0], max(united[-1][1], end)
        else:
            united.append((start, end))
    return united
