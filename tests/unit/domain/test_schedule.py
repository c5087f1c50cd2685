"""Slots of weekly hours, where the clock on the wall jumps and where it does not."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotkeeper.domain.doctor import Doctor
from slotkeeper.domain.errors import InvalidRequest
from slotkeeper.domain.schedule import Hours, WeeklySchedule, slots_of, without_overlaps
from slotkeeper.domain.slot import Slot
from slotkeeper.domain.time_zone import date_in, eras

EVERY_DAY = range(1, 8)


def a_doctor(time_zone: str = "UTC") -> Doctor:
    return Doctor(
        id="dr_1",
        clinic_id="clinic_1",
        name="Dr. One",
        specialty="general practice",
        time_zone=time_zone,
        consultation_fee=None,
        version=1,
    )


def hours(start: str, end: str, day: int | None = None) -> Hours:
    def minutes(text: str) -> int:
        hour, minute = text.split(":")
        return int(hour) * 60 + int(minute)

    return Hours(start=minutes(start), end=minutes(end), day=day)


def a_schedule(
    zone: str, day: str, *weekly: Hours, to: str | None = None, minutes: int = 60, **more: object
) -> WeeklySchedule:
    return WeeklySchedule(
        time_zone=zone,
        weekly=weekly,
        slot_minutes=minutes,
        first=date.fromisoformat(day),
        last=date.fromisoformat(to or day),
        **more,  # type: ignore[arg-type]  # whatever a test wants
    )


def starts(schedule: WeeklySchedule) -> list[str]:
    """When the slots start, by the clocks of the zone: 2026-03-29T01:00+01:00."""
    zone = ZoneInfo(schedule.time_zone)
    found = [slot.start_time for slot in slots_of(schedule, a_doctor())]
    return [start.astimezone(zone).isoformat(timespec="minutes") for start in found]


def test_a_day_is_cut_into_slots_from_its_beginning() -> None:
    slots = slots_of(a_schedule("UTC", "2026-03-02", hours("09:00", "11:00")), a_doctor())

    assert [(slot.id, slot.date, slot.status) for slot in slots] == [
        ("dr_1_20260302T0900Z", "2026-03-02", "active"),
        ("dr_1_20260302T1000Z", "2026-03-02", "active"),
    ]
    assert all(slot.end_time - slot.start_time == timedelta(hours=1) for slot in slots)


def test_a_partial_slot_at_the_end_is_dropped() -> None:
    found = starts(a_schedule("UTC", "2026-03-02", hours("09:00", "10:50"), minutes=45))

    assert [start[11:16] for start in found] == ["09:00", "09:45"]


def test_hours_are_of_their_day_of_the_week() -> None:
    weekly = [hours("09:00", "10:00", 1), hours("14:00", "15:00", 7)]

    found = starts(a_schedule("UTC", "2026-03-01", *weekly, to="2026-03-09"))

    assert [start[:16] for start in found] == [
        *("2026-03-01T14:00", "2026-03-02T09:00", "2026-03-08T14:00", "2026-03-09T09:00"),
    ]


@pytest.mark.parametrize(
    "weekly",
    [
        [hours("09:00", "10:30"), hours("10:30", "12:00")],
        [hours("09:00", "11:00"), hours("10:00", "12:00")],
        [hours("09:00", "12:00"), hours("10:00", "11:00")],
        [hours("09:00", "12:00"), hours("09:00", "12:00")],
    ],
    ids=["touch", "overlap", "one in the other", "twice"],
)
def test_windows_that_touch_or_overlap_are_one(weekly: list[Hours]) -> None:
    found = starts(a_schedule("UTC", "2026-03-02", *weekly))

    assert [start[11:16] for start in found] == ["09:00", "10:00", "11:00"]


def test_breaks_and_holidays_have_no_slots_and_begin_them_anew() -> None:
    schedule = a_schedule(
        "UTC",
        "2026-03-02",
        hours("09:00", "15:00"),
        to="2026-03-04",
        breaks=(hours("11:30", "12:15"), hours("14:00", "24:00", 3)),
        holidays=frozenset({date(2026, 3, 3)}),
    )

    found = starts(schedule)

    assert [start[8:16] for start in found] == [
        *("02T09:00", "02T10:00", "02T12:15", "02T13:15"),
        *("04T09:00", "04T10:00", "04T12:15"),
    ]


@pytest.mark.parametrize(
    "pause",
    [hours("00:00", "24:00"), hours("09:00", "11:00"), hours("08:00", "10:30")],
    ids=["all day", "the window", "all but half a slot"],
)
def test_a_break_may_leave_nothing(pause: Hours) -> None:
    window = hours("09:00", "11:00")

    assert starts(a_schedule("UTC", "2026-03-02", window, breaks=(pause,))) == []


def test_a_day_ends_at_midnight_and_the_next_begins_anew() -> None:
    whole = hours("22:30", "24:00"), hours("00:00", "01:30")

    found = starts(a_schedule("UTC", "2026-03-02", *whole, to="2026-03-03"))

    assert [start[8:16] for start in found] == ["02T00:00", "02T22:30", "03T00:00", "03T22:30"]


# --- where clocks jump ----------------------------------------------------------------------------


def test_an_hour_that_the_clock_skips_has_no_slots() -> None:
    schedule = a_schedule("Europe/Berlin", "2026-03-29", hours("01:00", "05:00"))

    assert starts(schedule) == [
        "2026-03-29T01:00+01:00",
        "2026-03-29T03:00+02:00",
        "2026-03-29T04:00+02:00",
    ]


def test_an_hour_that_the_clock_shows_twice_has_its_slots_twice() -> None:
    schedule = a_schedule("Europe/Berlin", "2026-10-25", hours("01:00", "04:00"))

    assert starts(schedule) == [
        "2026-10-25T01:00+02:00",
        "2026-10-25T02:00+02:00",
        "2026-10-25T02:00+01:00",
        "2026-10-25T03:00+01:00",
    ]


def test_a_window_in_the_skipped_hour_has_no_slots() -> None:
    assert starts(a_schedule("Europe/Berlin", "2026-03-29", hours("02:00", "03:00"))) == []


def test_a_window_that_begins_in_the_skipped_hour_begins_after_it() -> None:
    schedule = a_schedule("Europe/Berlin", "2026-03-29", hours("02:30", "04:00"))

    assert starts(schedule) == ["2026-03-29T03:00+02:00"]


def test_a_window_that_ends_in_the_repeated_hour_is_in_two_parts() -> None:
    schedule = a_schedule("Europe/Berlin", "2026-10-25", hours("02:00", "02:30"), minutes=30)

    assert starts(schedule) == ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]


def test_windows_on_both_sides_of_the_skipped_hour_are_one() -> None:
    weekly = [hours("01:00", "02:00"), hours("03:00", "04:00")]

    found = starts(a_schedule("Europe/Berlin", "2026-03-29", *weekly, minutes=90))

    assert found == ["2026-03-29T01:00+01:00"]  # one and a half hours, to 03:30 on the wall


def test_zones_of_half_and_quarter_hours_have_their_own_nine_o_clock() -> None:
    nine = hours("09:00", "10:00")

    found = {
        zone: slots_of(a_schedule(zone, "2026-03-02", nine), a_doctor())[0].start_time
        for zone in ("Asia/Kolkata", "Asia/Kathmandu")
    }

    assert f"{found['Asia/Kolkata']:%H:%M}" == "03:30"
    assert f"{found['Asia/Kathmandu']:%H:%M}" == "03:15"


def test_lord_howe_skips_and_repeats_half_an_hour() -> None:
    night = hours("01:30", "03:00")

    spring = starts(a_schedule("Australia/Lord_Howe", "2026-10-04", night, minutes=30))
    autumn = starts(a_schedule("Australia/Lord_Howe", "2026-04-05", night, minutes=30))

    assert spring == ["2026-10-04T01:30+10:30", "2026-10-04T02:30+11:00"]
    assert [start[11:] for start in autumn] == [
        *("01:30+11:00", "01:30+10:30", "02:00+10:30", "02:30+10:30"),
    ]


def test_a_date_that_the_zone_skipped_has_no_slots() -> None:
    schedule = a_schedule("Pacific/Apia", "2011-12-29", hours("00:00", "24:00"), to="2011-12-31")

    dates = [start[:10] for start in starts(schedule)]

    assert dates == ["2011-12-29"] * 24 + ["2011-12-31"] * 24


def test_a_day_that_begins_late_has_its_slots_from_then_on() -> None:
    # In Beirut the clock goes from midnight to one.
    schedule = a_schedule("Asia/Beirut", "2026-03-29", hours("00:00", "03:00"))

    assert starts(schedule) == ["2026-03-29T01:00+03:00", "2026-03-29T02:00+03:00"]


def test_the_date_of_a_slot_is_the_doctor_s_whatever_the_schedule_s_zone() -> None:
    schedule = a_schedule("America/New_York", "2026-03-02", hours("20:00", "21:00"))

    [slot] = slots_of(schedule, a_doctor("Europe/Berlin"))

    assert slot.date == "2026-03-03"


# --- limits ---------------------------------------------------------------------------------------


def test_ten_thousand_slots_are_made_and_one_more_is_not() -> None:
    most = a_schedule("UTC", "2026-01-01", hours("00:00", "16:40"), to="2026-02-19", minutes=5)
    more = a_schedule("UTC", "2026-01-01", hours("00:00", "16:45"), to="2026-02-19", minutes=5)

    assert len(slots_of(most, a_doctor())) == 10_000
    with pytest.raises(InvalidRequest):
        slots_of(more, a_doctor())


@pytest.mark.parametrize("day", ["2000-01-01", "2199-12-31"])
def test_the_first_and_the_last_day_that_can_be_planned_have_slots(day: str) -> None:
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
        assert len(starts(a_schedule(zone, day, hours("00:00", "24:00")))) == 24


# --- what is there already ------------------------------------------------------------------------


def a_time(start: str, end: str) -> tuple[datetime, datetime]:
    return tuple(datetime.fromisoformat(f"2026-03-02T{t}:00+00:00") for t in (start, end))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("taken", "left"),
    [
        ([], ["09:00", "10:00", "11:00"]),
        ([a_time("08:00", "09:00"), a_time("12:00", "13:00")], ["09:00", "10:00", "11:00"]),
        ([a_time("10:00", "11:00")], ["09:00", "11:00"]),
        ([a_time("10:59", "11:01")], ["09:00"]),
        ([a_time("10:15", "10:20"), a_time("10:25", "10:30")], ["09:00", "11:00"]),
        ([a_time("08:00", "12:00"), a_time("08:10", "08:20")], []),
        ([a_time("11:30", "11:35"), a_time("08:00", "09:01")], ["10:00"]),
    ],
)
def test_a_slot_in_whose_way_another_is_is_left_out(
    taken: list[tuple[datetime, datetime]], left: list[str]
) -> None:
    wanted = slots_of(a_schedule("UTC", "2026-03-02", hours("09:00", "12:00")), a_doctor())

    found = without_overlaps(wanted, taken)

    assert [f"{slot.start_time:%H:%M}" for slot in found] == left


# --- against a calculation of its own -------------------------------------------------------------

ZONES = sorted(available_timezones())
MINUTE = timedelta(minutes=1)


def by_the_minute(schedule: WeeklySchedule) -> list[tuple[datetime, datetime]]:
    """The same slots by looking at the clock on the wall every minute."""
    zone = ZoneInfo(schedule.time_zone)
    midnight = datetime(schedule.first.year, schedule.first.month, schedule.first.day, tzinfo=UTC)
    ends = midnight + (schedule.last - schedule.first) + timedelta(days=3)
    found, begun, on = [], None, None
    at = midnight - timedelta(days=2)
    while at <= ends:
        wall = at.astimezone(zone)
        is_on = schedule.first <= wall.date() <= schedule.last and _is_on_duty(schedule, wall)
        # A stretch ends with its date, or where nobody is on duty.
        if begun is not None and (not is_on or wall.date() != on):
            found += _cut(begun, at, schedule.slot_minutes)
            begun = None
        if is_on and begun is None:
            begun, on = at, wall.date()
        at += MINUTE
    return found


def _is_on_duty(schedule: WeeklySchedule, wall: datetime) -> bool:
    minute, day = wall.hour * 60 + wall.minute, wall.isoweekday()

    def within(these: tuple[Hours, ...]) -> bool:
        return any(h.day in {None, day} and h.start <= minute < h.end for h in these)

    is_holiday = wall.date() in schedule.holidays
    return within(schedule.weekly) and not within(schedule.breaks) and not is_holiday


def _cut(start: datetime, end: datetime, minutes: int) -> list[tuple[datetime, datetime]]:
    length = timedelta(minutes=minutes)
    count = (end - start) // length
    return [(start + n * length, start + (n + 1) * length) for n in range(count)]


@st.composite
def some_hours(draw: st.DrawFn) -> Hours:
    start = draw(st.integers(0, 24 * 60 - 1))
    end = draw(st.integers(start + 1, 24 * 60))
    return Hours(start=start, end=end, day=draw(st.sampled_from([None, *EVERY_DAY])))


@st.composite
def days_of_change(draw: st.DrawFn) -> tuple[str, date]:
    """A zone and a date; as often as not one on which the zone's clocks jump."""
    zone = draw(st.sampled_from(ZONES))
    year = draw(st.integers(2000, 2050))
    start = datetime(year, 1, 1, tzinfo=UTC)
    jumps = [era.end for era in eras(zone, start, start + timedelta(days=365))][:-1]
    is_of_change: bool = draw(st.booleans())
    if jumps and is_of_change:
        jump = datetime.fromtimestamp(draw(st.sampled_from(jumps)), UTC)
        return zone, jump.date() - timedelta(days=draw(st.integers(0, 1)))
    return zone, start.date() + timedelta(days=draw(st.integers(0, 364)))


@settings(max_examples=200, deadline=None)
@given(
    days_of_change(),
    st.integers(0, 1),
    st.lists(some_hours(), min_size=1, max_size=4),
    st.lists(some_hours(), max_size=2),
    st.integers(5, 480),
    st.booleans(),
)
def test_slots_never_overlap_and_are_what_the_clock_on_the_wall_says(
    when: tuple[str, date],
    more_days: int,
    weekly: list[Hours],
    breaks: list[Hours],
    minutes: int,
    has_holiday: bool,  # drawn
) -> None:
    zone, first = when
    schedule = WeeklySchedule(
        time_zone=zone,
        weekly=tuple(weekly),
        slot_minutes=minutes,
        first=first,
        last=first + timedelta(days=more_days),
        breaks=tuple(breaks),
        holidays=frozenset({first}) if has_holiday else frozenset(),
    )

    slots: list[Slot] = slots_of(schedule, a_doctor(zone))

    pairs = itertools.pairwise(slots)
    assert all(earlier.end_time <= later.start_time for earlier, later in pairs)
    assert [(slot.start_time, slot.end_time) for slot in slots] == by_the_minute(schedule)
    assert all(slot.date == date_in(zone, slot.start_time) for slot in slots)
    assert len({slot.id for slot in slots}) == len(slots)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ZONES), st.integers(2000, 2199))
def test_the_eras_of_a_year_are_the_zone_s_offsets_of_every_hour(zone: str, year: int) -> None:
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)

    found = eras(zone, start, end)

    assert (found[0].start, found[-1].end) == (start.timestamp(), end.timestamp())
    assert all(a.end == b.start and a.offset != b.offset for a, b in itertools.pairwise(found))
    for era in found:
        for second in (*range(era.start, era.end, 3600), era.end - 1):
            offset = datetime.fromtimestamp(second, ZoneInfo(zone)).utcoffset()
            assert offset == timedelta(seconds=era.offset)
