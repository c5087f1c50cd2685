"""Bodies of a doctor's weekly schedules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from slotkeeper.contracts.profile import TimeZone
from slotkeeper.contracts.shapes import CalendarDate, Request, Shape
from slotkeeper.domain.schedule import Hours, WeeklySchedule
from slotkeeper.domain.timetable import Filled

MAX_DAYS = 366
YEARS = range(2000, 2200)
"""Years that a clinic plans for: far from where calendars end."""

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBERS = {name[:length]: n for n, name in enumerate(_DAYS, 1) for length in (3, len(name))}
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_MIDNIGHT = "24:00"


def _day(value: Any) -> Any:
    if isinstance(value, str):
        if value not in _NUMBERS:
            raise ValueError("not a day: monday to sunday, mon to sun, or 1 (Monday) to 7")
        return _NUMBERS[value]
    return value


def _minute(value: Any) -> int:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("not a time of day like 09:30")
    return int(found[1]) * 60 + int(found[2])


def _end_minute(value: Any) -> int:
    return 24 * 60 if value == _MIDNIGHT else _minute(value)


def _planned(value: str) -> str:
    if date.fromisoformat(value).year not in YEARS:
        raise ValueError(f"not in the years {YEARS[0]} to {YEARS[-1]}")
    return value


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


Day = Annotated[
    int,
    Field(ge=1, le=7),
    BeforeValidator(_day),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 7},
                {"type": "string", "enum": list(_NUMBERS)},
            ]
        }
    ),
]
Start = Annotated[int, BeforeValidator(_minute), _text(r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
End = Annotated[
    int, BeforeValidator(_end_minute), _text(r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")
]
PlannedDate = Annotated[CalendarDate, AfterValidator(_planned)]


class _Hours(Request):
    start: Start
    end: End

    @model_validator(mode="after")
    def _in_order(self) -> _Hours:
        if self.end <= self.start:
            raise ValueError("must end after it starts")
        return self


class WeeklyHours(_Hours):
    """Hours of one day of each week, by the clock on the wall."""

    day: Day

    def to_hours(self) -> Hours:
        return Hours(start=self.start, end=self.end, day=self.day)


class Pause(_Hours):
    """A break on one day of each week, or on every day."""

    day: Day | None = None

    def to_hours(self) -> Hours:
        return Hours(start=self.start, end=self.end, day=self.day)


class ScheduleRequest(Request):
    """Weekly hours from one date to another, both among them, to be cut into slots."""

    time_zone: TimeZone | None = None
    weekly: Annotated[list[WeeklyHours], Field(min_length=1, max_length=50)]
    slot_minutes: Annotated[int, Field(ge=5, le=480)]
    from_: Annotated[PlannedDate, Field(alias="from")]
    to: PlannedDate
    breaks: Annotated[list[Pause], Field(max_length=50)] = Field(default_factory=list)
    holidays: Annotated[list[PlannedDate], Field(max_length=MAX_DAYS)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _in_order(self) -> ScheduleRequest:
        days = (date.fromisoformat(self.to) - date.fromisoformat(self.from_)).days + 1
        if not 1 <= days <= MAX_DAYS:
            raise ValueError(f"must be 1 to {MAX_DAYS} days, from the first to the last")
        return self

    def schedule_in(self, time_zone: str) -> WeeklySchedule:
        """The schedule, in the zone it names or else in this one."""
        return WeeklySchedule(
            time_zone=self.time_zone or time_zone,
            weekly=tuple(hours.to_hours() for hours in self.weekly),
            slot_minutes=self.slot_minutes,
            first=date.fromisoformat(self.from_),
            last=date.fromisoformat(self.to),
            breaks=tuple(pause.to_hours() for pause in self.breaks),
            holidays=frozenset(date.fromisoformat(day) for day in self.holidays),
        )

    def details(self) -> Mapping[str, Any]:
        """What is kept of it; times are minutes of the day."""
        return self.model_dump(by_alias=True, exclude_none=True)


class ScheduleResponse(Shape):
    created: int
    skipped: int

    @classmethod
    def text_of(cls, filled: Filled) -> str:
        return cls.model_validate(filled).to_text()
