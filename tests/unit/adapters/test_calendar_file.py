"""A booking as a calendar reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from icalendar import Calendar
from msgspec.structs import replace

from slotkeeper.adapters.calendar_file import IcalendarFiles
from slotkeeper.domain.booking import Booking, BookingStatus
from tests.support.fakes import a_booking

NAME = "Dr. Amara Okafor"
START = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


def booking(**changes: Any) -> Booking:  # Any: fields of a booking
    return replace(a_booking(), **changes)


def text_of(made: Booking, doctor_name: str | None = NAME) -> str:
    return IcalendarFiles().file_of(made, doctor_name=doctor_name)


def read(text: str) -> tuple[Calendar, Any]:  # Any: the library's component
    calendar = Calendar.from_ical(text)
    assert isinstance(calendar, Calendar)
    [event] = calendar.walk("VEVENT")
    return calendar, event


def test_a_confirmed_booking_is_published_in_utc() -> None:
    made = booking(start_time=START, end_time=START + timedelta(minutes=30))

    calendar, event = read(text_of(made))

    assert (calendar["VERSION"], calendar["METHOD"]) == ("2.0", "PUBLISH")
    assert calendar["PRODID"]
    assert (event["UID"], event["STATUS"]) == ("bk_1@slotkeeper", "CONFIRMED")
    assert event.decoded("DTSTART") == START
    assert event.decoded("DTEND") == START + timedelta(minutes=30)
    assert event["SUMMARY"] == f"Appointment with {NAME}"


@pytest.mark.parametrize("status", [BookingStatus.CANCELLED, BookingStatus.RESCHEDULED])
def test_a_booking_that_is_off_is_cancelled_under_the_same_uid(status: BookingStatus) -> None:
    _, before = read(text_of(booking()))

    calendar, event = read(text_of(booking(status=status, version=2)))

    assert (calendar["METHOD"], event["STATUS"]) == ("CANCEL", "CANCELLED")
    assert event["UID"] == before["UID"]
    assert event["SEQUENCE"] > before["SEQUENCE"]


@pytest.mark.parametrize("status", [BookingStatus.COMPLETED, BookingStatus.NO_SHOW])
def test_a_booking_that_is_over_stays_in_the_calendar(status: BookingStatus) -> None:
    calendar, event = read(text_of(booking(status=status, version=2)))

    assert (calendar["METHOD"], event["STATUS"]) == ("PUBLISH", "CONFIRMED")


@pytest.mark.parametrize("version", [1, 2, 17])
def test_the_sequence_counts_the_changes(version: int) -> None:
    _, event = read(text_of(booking(version=version)))

    assert event["SEQUENCE"] == version - 1


def test_it_tells_when_the_booking_was_made_and_changed() -> None:
    made = booking(created_at=START, updated_at=START + timedelta(hours=1))

    _, event = read(text_of(made))

    assert event.decoded("CREATED") == START
    assert event.decoded("LAST-MODIFIED") == START + timedelta(hours=1)
    assert event.decoded("DTSTAMP") == START + timedelta(hours=1)


def test_the_same_booking_makes_the_same_file() -> None:
    assert text_of(booking()) == text_of(booking())


def test_the_file_is_these_bytes() -> None:
    made = booking(
        start_time=START,
        end_time=START + timedelta(minutes=30),
        created_at=START - timedelta(days=1),
        updated_at=START - timedelta(hours=1, milliseconds=250),
        version=2,
    )

    assert text_of(made).encode() == (
        b"BEGIN:VCALENDAR\r\n"
        b"VERSION:2.0\r\n"
        b"PRODID:-//Slotkeeper//Slotkeeper//EN\r\n"
        b"METHOD:PUBLISH\r\n"
        b"BEGIN:VEVENT\r\n"
        b"SUMMARY:Appointment with Dr. Amara Okafor\r\n"
        b"DTSTART:20260303T090000Z\r\n"
        b"DTEND:20260303T093000Z\r\n"
        b"DTSTAMP:20260303T075959Z\r\n"
        b"UID:bk_1@slotkeeper\r\n"
        b"SEQUENCE:1\r\n"
        b"CREATED:20260302T090000Z\r\n"
        b"LAST-MODIFIED:20260303T075959Z\r\n"
        b"STATUS:CONFIRMED\r\n"
        b"END:VEVENT\r\n"
        b"END:VCALENDAR\r\n"
    )


@pytest.mark.parametrize("name", ["Dr. " + "Ä" * 90, "Dr. " + "𝔸" * 40, "x" * 200])
def test_no_line_is_longer_than_75_octets_and_none_is_cut_inside_a_letter(name: str) -> None:
    raw = text_of(booking(), name).encode()

    lines = raw.split(b"\r\n")

    assert lines[-1] == b""
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(len(line) for line in lines) <= 75
    assert all(line.decode() for line in lines[:-1])
    assert read(raw.decode())[1]["SUMMARY"] == f"Appointment with {name}"


@pytest.mark.parametrize(
    "name", ["A\r\nSTATUS:CANCELLED", "A\nBEGIN:VALARM", "a,b;c\\d:e", 'say "x"', "A\rX:1"]
)
def test_a_name_stays_inside_its_summary(name: str) -> None:
    text = text_of(booking(), name)

    calendar, event = read(text)

    assert len(calendar.walk()) == 2
    assert event["STATUS"] == "CONFIRMED"
    assert "\r" not in text.replace("\r\n", "")
    assert sorted(event) == sorted(read(text_of(booking()))[1])


def test_times_of_any_offset_are_told_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))

    _, event = read(text_of(booking(start_time=START.astimezone(berlin))))

    assert event["DTSTART"].to_ical() == b"20260303T090000Z"


def test_a_doctor_who_is_no_more_is_left_out() -> None:
    _, event = read(text_of(booking(), None))

    assert event["SUMMARY"] == "Appointment"
