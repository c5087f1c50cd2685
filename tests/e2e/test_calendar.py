"""A booking in the patient's calendar, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from icalendar import Calendar

from local.api import Answer, Patient, call
from tests.support.deployed import NextSlot


def _file(patient: Patient, booking_id: str) -> Answer:
    url = f"{patient.api_url}/bookings/{booking_id}/calendar.ics"
    return call("GET", url, token=patient.token)


def _event(answer: Answer) -> Any:  # Any: the library's component
    [event] = Calendar.from_ical(answer.text).walk("VEVENT")
    return event


def test_a_booking_goes_into_the_calendar_and_out_of_it_when_it_is_cancelled(
    alice: Patient, next_slot: NextSlot
) -> None:
    booking = alice.book(next_slot())

    added = _file(alice, booking["id"])
    cancelled = alice.cancel(booking["id"])
    removed = _file(alice, booking["id"])

    assert added.status == 200
    assert added.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert added.headers["Content-Disposition"] == 'attachment; filename="appointment.ics"'
    assert added.headers["ETag"] == '"1"'
    assert removed.headers["ETag"] == cancelled.headers["ETag"]
    before, after = _event(added), _event(removed)
    assert "METHOD:PUBLISH\r\n" in added.text
    assert "METHOD:CANCEL\r\n" in removed.text
    assert (before["STATUS"], after["STATUS"]) == ("CONFIRMED", "CANCELLED")
    assert before["UID"] == after["UID"] == f"{booking['id']}@slotkeeper"
    assert (before["SEQUENCE"], after["SEQUENCE"]) == (0, 1)
    for member, name in (("startTime", "DTSTART"), ("endTime", "DTEND")):
        assert before.decoded(name) == datetime.fromisoformat(booking[member])
    assert before["SUMMARY"].startswith("Appointment with Dr. ")


def test_a_calendar_file_says_nothing_of_what_the_doctor_treats(
    alice: Patient, next_slot: NextSlot
) -> None:
    booking = alice.book(next_slot())
    url = f"{alice.api_url}/doctors/{booking['doctorId']}"
    doctor = call("GET", url, token=alice.token).json

    text = _file(alice, booking["id"]).text

    assert doctor["name"] in text
    assert doctor["specialty"] not in text
    assert alice.phone not in text


def test_another_patients_calendar_file_is_not_found(
    alice: Patient, bob: Patient, next_slot: NextSlot
) -> None:
    booking = alice.book(next_slot())

    foreign, absent = _file(bob, booking["id"]), _file(bob, "bk_nothing")

    assert (foreign.status, foreign.json["code"]) == (404, "not_found")
    assert foreign.headers["Content-Type"] == "application/problem+json"
    assert {**foreign.json, "requestId": ""} == {**absent.json, "requestId": ""}
