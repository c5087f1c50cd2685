"""What a clinic's requests are refused for before any server is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from functions.manage_clinic.app import lambda_handler
from slotkeeper.contracts.clinic import DoctorChangeRequest, TimeChangeRequest
from slotkeeper.contracts.schedules import ScheduleRequest
from slotkeeper.contracts.shapes import read
from slotkeeper.domain.doctor import Doctor
from slotkeeper.domain.schedule import Hours
from tests.support.aws_events import (
    ADMIN,
    PATIENT,
    STAFF,
    Context,
    http_event,
    id_event,
)

Body = dict[str, Any]

DOCTOR: Body = {"name": "Dr. Ada", "specialty": "cardiology", "timeZone": "Europe/Berlin"}
SCHEDULE: Body = {
    "weekly": [{"day": "mon", "start": "09:00", "end": "17:00"}],
    "slotMinutes": 30,
    "from": "2026-03-02",
    "to": "2026-03-08",
}
TIME: Body = {
    "from": "2026-03-02T00:00:00Z",
    "to": "2026-03-03T00:00:00+01:00",
    "status": "blocked",
}
ROUTES = {
    "post doctor": (partial(http_event, "POST", "/doctors"), DOCTOR),
    "patch doctor": (partial(id_event, "PATCH", "/doctors/{id}", "dr_1"), {"name": "Dr. Eve"}),
    "schedule": (partial(id_event, "POST", "/doctors/{id}/schedules", "dr_1"), SCHEDULE),
    "time": (partial(id_event, "PATCH", "/doctors/{id}/slots", "dr_1"), TIME),
    "slot": (partial(id_event, "PATCH", "/slots/{id}", "dr_1_x"), {"status": "blocked"}),
}


WRONG: list[tuple[str, str, Sequence[object]]] = [
    ("post doctor", "name", (..., None, 5, "", " Ada", "Ada\n", "a" * 101, "\u202e")),
    ("post doctor", "specialty", (..., None, "", "\x00")),
    ("post doctor", "timeZone", (..., None, "Mars/Base", "../UTC", "", "CET ", 1)),
    ("post doctor", "consultationFee", (-1, 1.0, "5", True, 10**10)),
    ("post doctor", "clinicId", ("a b", "", 5)),
    ("post doctor", "id", ("dr_1",)),
    ("patch doctor", "name", (None, "", 5)),
    ("patch doctor", "timeZone", (None, "Europe/Nowhere")),
    ("patch doctor", "consultationFee", (-1, "5", False)),
    ("patch doctor", "clinicId", ("clinic-2",)),
    ("schedule", "timeZone", ("Mars/Base", "/etc/localtime", "", 5)),
    ("schedule", "slotMinutes", (..., None, 4, 481, 30.0, "30", True)),
    ("schedule", "from", (..., None, "2026-02-30", "9999-12-31", "1999-12-31", "20260302")),
    ("schedule", "to", (..., "9999-12-31", "2026-03-08T00:00:00Z", 5)),
    ("schedule", "weekly", (..., None, [], {}, SCHEDULE["weekly"] * 51)),
    ("schedule", "breaks", (None, {}, [{"start": "12:00", "end": "13:00"}] * 51)),
    ("schedule", "holidays", (None, "2026-03-02", ["2026-03-02"] * 367)),
    ("time", "from", (..., "2026-03-02T00:00:00", "2026-03-02", 5)),
    ("time", "from", ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z")),
    ("time", "to", (..., "2026-03-02T09:00:00", "9999-12-31T23:59:59-01:00")),
    ("time", "status", (..., None, "booked", "Blocked", 1)),
    ("slot", "status", (..., None, "removed", "booked", True)),
]
"""Values that a field may not have; `...` leaves it out."""


def call(route: str, **parts: Any) -> tuple[int, Body]:
    event, body = ROUTES[route]
    answer = lambda_handler(event(**{"body": body, "authorizer": STAFF, **parts}), Context())
    return answer["statusCode"], json.loads(answer["body"])


def fields_refused(route: str, **changes: Any) -> list[str]:
    """The fields that are wrong of the body with these changes (`...`: a field left out)."""
    body = {k: v for k, v in {**ROUTES[route][1], **changes}.items() if v is not ...}
    status, problem = call(route, body=body)
    assert (status, problem["code"]) == (400, "invalid_request")
    return [error["field"] for error in problem["errors"]]


@pytest.mark.parametrize("route", ROUTES)
def test_a_patient_is_forbidden_what_is_a_clinic_s(route: str) -> None:
    status, problem = call(route, authorizer=PATIENT)

    assert (status, problem["code"]) == (403, "forbidden")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("authorizer", [STAFF, ADMIN], ids=["staff", "admin"])
@pytest.mark.parametrize(
    "parts",
    [
        {"text": "not json", "body": None},
        {"text": "[]", "body": None},
        {"text": '{"name": NaN}', "body": None},
        {"body": {}},
        {"body": {"unknown": 1}},
        {"body": {"status": {"$ne": 1}, "name": {"$gt": ""}}},
    ],
    ids=str,
)
def test_a_malformed_body_is_refused(route: str, authorizer: Any, parts: Body) -> None:
    status, problem = call(route, authorizer=authorizer, **parts)

    assert (status, problem["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("route", ["patch doctor", "schedule", "time", "slot"])
@pytest.mark.parametrize("id_", ["a b", "../x", "x" * 65, "d$oc"])
def test_an_id_that_is_none_is_refused(route: str, id_: str) -> None:
    status, problem = _with_id(route, id_)

    assert (status, problem["code"]) == (400, "invalid_request")


def _with_id(route: str, id_: str) -> tuple[int, Body]:
    event, body = ROUTES[route]
    request = event(body=body, authorizer=STAFF)
    request["pathParameters"] = {"id": id_}
    answer = lambda_handler(request, Context())
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.parametrize(
    ("route", "field", "value"),
    [(route, field, value) for route, field, values in WRONG for value in values],
)
def test_a_field_that_is_wrong_is_named(route: str, field: str, value: Any) -> None:
    assert fields_refused(route, **{field: value}) == [field]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"day": 0}, "day"),
        ({"day": 8}, "day"),
        ({"day": True}, "day"),
        ({"day": 1.0}, "day"),
        ({"day": "1"}, "day"),
        ({"day": "Monday"}, "day"),
        ({"day": "mond"}, "day"),
        ({"day": None}, "day"),
        ({"start": "24:00"}, "start"),
        ({"start": "9:00"}, "start"),
        ({"start": "09:60"}, "start"),
        ({"start": "09:00:00"}, "start"),
        ({"start": 540}, "start"),
        ({"start": "٠٩:٠٠"}, "start"),
        ({"end": "24:01"}, "end"),
        ({"end": "00:00"}, ""),
        ({"end": "09:00"}, ""),
        ({"end": "08:59"}, ""),
        ({"more": 1}, "more"),
    ],
)
def test_hours_that_are_wrong_are_named(changes: Body, field: str) -> None:
    weekly = [SCHEDULE["weekly"][0], {**SCHEDULE["weekly"][0], **changes}]

    [named] = fields_refused("schedule", weekly=weekly)

    assert named == f"weekly.1.{field}".rstrip(".")


@pytest.mark.parametrize(
    ("first", "last"), [("2026-03-02", "2026-03-01"), ("2026-03-02", "2027-03-03")]
)
def test_a_schedule_of_no_days_or_of_more_than_a_year_is_refused(first: str, last: str) -> None:
    assert fields_refused("schedule", **{"from": first, "to": last}) == [""]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z"),
        ("2026-03-02T00:00:00Z", "2026-03-02T00:59:59+01:00"),
        ("2026-03-02T00:00:00Z", "2026-06-02T00:00:01Z"),
    ],
)
def test_a_time_that_ends_before_it_starts_or_is_too_long_is_refused(start: str, end: str) -> None:
    assert fields_refused("time", **{"from": start, "to": end}) == [""]


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("day", [3, "wed", "wednesday"])
def test_a_day_of_the_week_has_a_number_and_two_names(day: object) -> None:
    weekly = [{"day": day, "start": "00:00", "end": "24:00"}]

    schedule = read(ScheduleRequest, {**SCHEDULE, "weekly": weekly}).schedule_in("Asia/Tokyo")

    assert schedule.weekly == (Hours(start=0, end=24 * 60, day=3),)
    assert schedule.time_zone == "Asia/Tokyo"


def test_a_schedule_s_own_zone_goes_before_the_doctor_s() -> None:
    request = read(ScheduleRequest, {**SCHEDULE, "timeZone": "Asia/Kolkata"})

    assert request.schedule_in("Asia/Tokyo").time_zone == "Asia/Kolkata"


def test_a_year_with_its_leap_day_and_ninety_two_days_are_as_long_as_may_be() -> None:
    read(ScheduleRequest, {**SCHEDULE, "from": "2028-01-01", "to": "2028-12-31"})
    read(TimeChangeRequest, {**TIME, "to": "2026-06-02T00:00:00Z"})


def test_only_what_is_sent_of_a_doctor_changes_and_null_takes_the_fee_away() -> None:
    doctor = Doctor(
        id="dr_1",
        clinic_id="c",
        name="Dr. Ada",
        specialty="cardiology",
        time_zone="UTC",
        consultation_fee=5_000,
        version=1,
    )

    renamed = read(DoctorChangeRequest, {"name": "Dr. Eve"}).change(doctor)
    free = read(DoctorChangeRequest, {"consultationFee": None}).change(doctor)

    assert (renamed.name, renamed.specialty, renamed.consultation_fee) == (
        *("Dr. Eve", "cardiology", 5_000),
    )
    assert (free.name, free.consultation_fee) == ("Dr. Ada", None)
