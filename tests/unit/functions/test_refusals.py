"""What every function refuses at its door: nothing here needs a server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from functions.cancel.app import lambda_handler as cancel
from functions.get_booking.app import lambda_handler as get_booking
from functions.health.app import lambda_handler as health
from functions.hold_slot.app import lambda_handler as hold_slot
from functions.list_bookings.app import lambda_handler as list_bookings
from functions.list_doctors.app import lambda_handler as list_doctors
from functions.list_slots.app import lambda_handler as list_slots
from functions.manage_clinic.app import lambda_handler as manage_clinic
from functions.profile.app import lambda_handler as profile
from functions.release_hold.app import lambda_handler as release_hold
from functions.reschedule.app import lambda_handler as reschedule
from functions.resend_otp.app import lambda_handler as resend_otp
from functions.verify_otp.app import lambda_handler as verify_otp
from slotkeeper.entrypoints.answers import SAFE_HEADERS
from tests.support.aws_events import (
    ADMIN,
    INVOCATION_ID,
    REFUSED,
    STAFF,
    UNAVAILABLE,
    Context,
    Event,
    header_of,
    http_event,
    id_event,
)

Handler = Callable[[dict[str, Any], Any], Any]

KEY = "0123456789abcdef"
MAX_BODY = 16 * 1024
HEADERS = [("Idempotency-Key", KEY)]


def hold_event(
    *, headers: list[tuple[str, str]] | None = None, body: object = None, **parts: Any
) -> Event:
    if body is None and "text" not in parts:
        body = {"slotId": "doc_1_20260303T0900Z"}
    return http_event(
        "POST", "/bookings", headers=HEADERS if headers is None else headers, body=body, **parts
    )


def verify_event(id_: str = "at_1", *, body: object = None, **parts: Any) -> Event:
    if body is None and "text" not in parts:
        body = {"code": "123456"}
    return id_event("POST", "/bookings/{id}/verify-otp", id_, body=body, **parts)


def resend_event(id_: str = "at_1", **parts: Any) -> Event:
    return id_event("POST", "/bookings/{id}/resend-otp", id_, **parts)


def release_event(id_: str = "at_1", **parts: Any) -> Event:
    return id_event("DELETE", "/bookings/{id}/hold", id_, **parts)


def cancel_event(id_: str = "bk_1", **parts: Any) -> Event:
    return id_event("PATCH", "/bookings/{id}/cancel", id_, **parts)


def reschedule_event(id_: str = "bk_1", **parts: Any) -> Event:
    return id_event("PATCH", "/bookings/{id}/reschedule", id_, **parts)


def booking_event(id_: str = "bk_1", **parts: Any) -> Event:
    return id_event("GET", "/bookings/{id}", id_, **parts)


def calendar_event(id_: str = "bk_1", **parts: Any) -> Event:
    return id_event("GET", "/bookings/{id}/calendar.ics", id_, **parts)


def slots_event(id_: str = "doc_1", **parts: Any) -> Event:
    return id_event("GET", "/doctors/{id}/slots", id_, **parts)


def bookings_event(**parts: Any) -> Event:
    return http_event("GET", "/bookings", **parts)


def doctors_event(**parts: Any) -> Event:
    return http_event("GET", "/doctors", **parts)


def doctor_event(id_: str = "doc_1", **parts: Any) -> Event:
    return id_event("GET", "/doctors/{id}", id_, **parts)


def me_event(**parts: Any) -> Event:
    return http_event("GET", "/me", **parts)


def put_me_event(*, body: object = None, **parts: Any) -> Event:
    if body is None and "text" not in parts:
        body = {"phone": "+15550100"}
    return http_event("PUT", "/me", body=body, **parts)


def export_event(**parts: Any) -> Event:
    return http_event("GET", "/me/export", **parts)


def erase_event(**parts: Any) -> Event:
    return http_event("DELETE", "/me", **parts)


CLINIC_ROUTES: Mapping[str, tuple[Handler, Callable[..., Event]]] = {
    name: (manage_clinic, event)
    for name, event in {
        "post doctor": partial(http_event, "POST", "/doctors"),
        "patch doctor": partial(id_event, "PATCH", "/doctors/{id}", "doc_1"),
        "post schedule": partial(id_event, "POST", "/doctors/{id}/schedules", "doc_1"),
        "patch slots": partial(id_event, "PATCH", "/doctors/{id}/slots", "doc_1"),
        "patch slot": partial(id_event, "PATCH", "/slots/{id}", "doc_1_20260303T0900Z"),
    }.items()
}
"""Bodies and roles of these: test_manage_clinic.py."""

ROUTES: Mapping[str, tuple[Handler, Callable[..., Event]]] = {
    "hold": (hold_slot, hold_event),
    "verify": (verify_otp, verify_event),
    "resend": (resend_otp, resend_event),
    "release": (release_hold, release_event),
    "booking": (get_booking, booking_event),
    "calendar": (get_booking, calendar_event),
    "cancel": (cancel, cancel_event),
    "reschedule": (reschedule, reschedule_event),
    "slots": (list_slots, slots_event),
    "bookings": (list_bookings, bookings_event),
    "doctors": (list_doctors, doctors_event),
    "doctor": (list_doctors, doctor_event),
    "me": (profile, me_event),
    "put me": (profile, put_me_event),
    "export": (profile, export_event),
    "erase": (profile, erase_event),
    **CLINIC_ROUTES,
}
LISTS = ["slots", "bookings", "doctors"]
PATIENTS_ONLY = ["hold", "verify", "resend", "release"]
WITH_ID = [
    "cancel",
    "reschedule",
    "verify",
    "resend",
    "release",
    "booking",
    "calendar",
    "slots",
    "doctor",
]
WITH_BODY = ["hold", "verify", "put me"]


def call(route: str, **parts: Any) -> dict[str, Any]:
    handler, event = ROUTES[route]
    return dict(handler(event(**parts), Context()))


def assert_problem(answer: Mapping[str, Any], status: int, code: str) -> dict[str, Any]:
    """The answer is this problem and tells nothing but the contract's members."""
    assert answer["statusCode"] == status, answer["body"]
    problem: dict[str, Any] = json.loads(answer["body"])
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["type"] == f"urn:slotkeeper:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["requestId"] == INVOCATION_ID
    assert set(problem) <= {"type", "title", "status", "code", "detail", "requestId", "errors"}
    assert header_of(answer, "Content-Type") == "application/problem+json"
    assert header_of(answer, "X-Request-Id") == INVOCATION_ID
    assert header_of(answer, "Cache-Control") == "no-store"
    for word in ("Traceback", "File ", "pydantic", "pymongo", "redis", "line "):
        assert word not in answer["body"]
    return problem


def fields_of(problem: Mapping[str, Any]) -> list[str]:
    return [error["field"] for error in problem["errors"]]


# --- who calls ------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "authorizer",
    [
        None,
        {},
        REFUSED,
        {"refusal": "whatever"},
        {"userId": "alice"},
        {"userId": "", "role": "patient"},
        {"role": "patient"},
        {"userId": "alice", "role": "root"},
        {"userId": "alice", "role": "PATIENT"},
        {"userId": "alice", "role": ""},
    ],
    ids=str,
)
def test_caller_the_authorizer_did_not_vouch_for_is_unauthenticated(
    route: str, authorizer: dict[str, str] | None
) -> None:
    answer = call(route, authorizer=authorizer)

    assert_problem(answer, 401, "unauthenticated")
    assert header_of(answer, "WWW-Authenticate") == "Bearer"


@pytest.mark.parametrize("route", ROUTES)
def test_authorizer_that_could_not_tell_is_unavailable(route: str) -> None:
    answer = call(route, authorizer=UNAVAILABLE)

    assert_problem(answer, 503, "unavailable")
    assert header_of(answer, "Retry-After") == "5"


@pytest.mark.parametrize("route", PATIENTS_ONLY)
@pytest.mark.parametrize("authorizer", [STAFF, ADMIN], ids=["staff", "admin"])
def test_who_is_no_patient_is_forbidden_what_is_a_patients(
    route: str, authorizer: dict[str, str]
) -> None:
    answer = call(route, authorizer=authorizer)

    assert_problem(answer, 403, "forbidden")


@pytest.mark.parametrize("route", ROUTES)
def test_authorization_header_alone_lets_nobody_in(route: str) -> None:
    headers = [("Authorization", "Bearer a.b.c"), *HEADERS]

    answer = call(route, authorizer=None, headers=headers)

    assert_problem(answer, 401, "unauthenticated")


def test_caller_is_refused_before_anything_else_is_looked_at() -> None:
    answer = call("hold", authorizer=None, headers=[], text="not json")

    assert_problem(answer, 401, "unauthenticated")


# --- Idempotency-Key ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="missing"),
        pytest.param([("Idempotency-Key", "")], id="empty"),
        pytest.param([("Idempotency-Key", "a" * 15)], id="short"),
        pytest.param([("Idempotency-Key", "a" * 129)], id="long"),
        pytest.param([("Idempotency-Key", "a" * 100_000)], id="very long"),
        pytest.param([("Idempotency-Key", "0123456789 abcdef")], id="space"),
        pytest.param([("Idempotency-Key", "0123456789/abcdef")], id="slash"),
        pytest.param([("Idempotency-Key", "0123456789abcdef\n")], id="line end"),
        pytest.param([("Idempotency-Key", "0123456789abcdéf")], id="not ASCII"),
        pytest.param([("Idempotency-Key", "０" * 16)], id="full width"),
        pytest.param([("Idempotency-Key", f'"{KEY}')], id="half quoted"),
        pytest.param([("Idempotency-Key", f"'{KEY}'")], id="single quoted"),
        pytest.param([("Idempotency-Key", f'""{KEY}""')], id="twice quoted"),
        pytest.param([("Idempotency-Key", '"')], id="a quote"),
        pytest.param([("Idempotency-Key", '""')], id="quoted nothing"),
        pytest.param([("Idempotency-Key", f'"{"a" * 15}"')], id="short but for its quotes"),
        pytest.param([("Idempotency-Key", KEY), ("Idempotency-Key", KEY)], id="two"),
        pytest.param([("Idempotency-Key", KEY), ("idempotency-key", KEY)], id="two, other case"),
        pytest.param([("Idempotency-Key", f"{KEY}, {KEY}")], id="two in one"),
        pytest.param([("Idempotency_Key", KEY)], id="other name"),
    ],
)
def test_hold_without_one_good_idempotency_key_is_refused(
    headers: list[tuple[str, str]],
) -> None:
    answer = call("hold", headers=headers)

    problem = assert_problem(answer, 400, "invalid_request")
    assert fields_of(problem) == ["Idempotency-Key"]


@pytest.mark.parametrize(
    "header",
    [
        ("Idempotency-Key", KEY),
        ("idempotency-key", KEY),
        ("IDEMPOTENCY-KEY", KEY),
        ("Idempotency-Key", f'"{KEY}"'),
        ("Idempotency-Key", "a" * 128),
        ("Idempotency-Key", f'"{"a" * 128}"'),
        ("Idempotency-Key", "AZaz09_.:-AZaz09"),
    ],
    ids=str,
)
def test_good_idempotency_key_bare_or_quoted_is_not_what_is_refused(
    header: tuple[str, str],
) -> None:
    answer = call("hold", headers=[header], body={"slotId": 5})

    problem = assert_problem(answer, 400, "invalid_request")
    assert fields_of(problem) == ["slotId"]


def test_idempotency_key_is_found_where_there_are_only_single_headers() -> None:
    event = hold_event(body={"slotId": 5})
    event["multiValueHeaders"] = None

    answer = hold_slot(event, Context())

    problem = assert_problem(answer, 400, "invalid_request")
    assert fields_of(problem) == ["slotId"]


# --- bodies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", WITH_BODY)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("not json", id="not JSON"),
        pytest.param('{"slotId": "doc_1"', id="truncated"),
        pytest.param('\ufeff{"slotId": "doc_1"}', id="byte order mark"),
        pytest.param('{"slotId": NaN}', id="NaN"),
        pytest.param('{"slotId": "a", "slotId": "b"}', id="key twice"),
        pytest.param('{"code": "123456", "code": "654321"}', id="code twice"),
        pytest.param('{"slotId": "\\ud800"}', id="lone surrogate"),
        pytest.param("[" * 16_000, id="deep"),
        pytest.param('{"a":' * 2_500 + "1" + "}" * 2_500, id="deep object"),
        pytest.param('{"slotId": ' + "9" * 5_000 + "}", id="5,000 digits"),
        pytest.param("[]", id="list"),
        pytest.param('"text"', id="text"),
        pytest.param("5", id="number"),
        pytest.param("null", id="null"),
        pytest.param("true", id="true"),
        pytest.param('{"slotId": {"$gt": ""}, "code": {"$gt": ""}}', id="operators"),
        pytest.param('{"slotId": "doc_1", "code": "123456", "more": 1}', id="unknown field"),
    ],
)
def test_malformed_body_is_refused(route: str, text: str | None) -> None:
    headers = [*HEADERS, ("Content-Type", "application/json")]

    answer = call(route, headers=headers, text=text)

    assert_problem(answer, 400, "invalid_request")


@pytest.mark.parametrize("route", ["hold", "verify"])
def test_body_without_what_is_needed_is_refused(route: str) -> None:
    answer = call(route, headers=[*HEADERS, ("Content-Type", "application/json")], text="{}")

    assert_problem(answer, 400, "invalid_request")


@pytest.mark.parametrize("route", WITH_BODY)
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json2",
        "application/problem+json",
        "application/merge-patch+json",
        "json",
        "",
        "; charset=utf-8",
    ],
)
def test_body_of_another_media_type_is_refused(route: str, content_type: str) -> None:
    answer = call(route, headers=[*HEADERS, ("Content-Type", content_type)])

    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("route", WITH_BODY)
def test_body_without_a_media_type_is_refused(route: str) -> None:
    handler, event = ROUTES[route]
    request = event()
    for headers in (request["headers"], request["multiValueHeaders"]):
        del headers["Content-Type"]

    answer = handler(request, Context())

    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("route", WITH_BODY)
@pytest.mark.parametrize("encoding", ["gzip", "br", "identity", "deflate, gzip"])
def test_encoded_body_is_refused(route: str, encoding: str) -> None:
    answer = call(route, headers=[*HEADERS, ("Content-Encoding", encoding)])

    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/json ",
    ],
)
def test_json_by_any_spelling_of_its_media_type_is_read(content_type: str) -> None:
    headers = [*HEADERS, ("content-type", content_type)]

    answer = call("hold", headers=headers, body={"slotId": 5})

    problem = assert_problem(answer, 400, "invalid_request")
    assert fields_of(problem) == ["slotId"]


@pytest.mark.parametrize("route", WITH_BODY)
@pytest.mark.parametrize("is_base64", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"slotId": "' + "a" * (MAX_BODY + 1 - 14) + '"}', id="one byte too many"),
        pytest.param(" " * (MAX_BODY + 1), id="blank"),
        pytest.param('"' + "é" * (MAX_BODY // 2) + '"', id="bytes, not characters"),
        pytest.param("[" * 1_000_000, id="1 MB"),
    ],
)
def test_body_over_16_kib_is_refused(route: str, text: str, is_base64: bool) -> None:
    answer = call(route, text=text, is_base64=is_base64)

    assert_problem(answer, 413, "payload_too_large")


@pytest.mark.parametrize("is_base64", [False, True])
def test_body_of_16_kib_is_read(is_base64: bool) -> None:
    text = '{"slotId": 5, "more": ""}'
    text = text.replace('""', '"' + "a" * (MAX_BODY - len(text)) + '"')
    assert len(text) == MAX_BODY

    answer = call("hold", text=text, is_base64=is_base64)

    problem = assert_problem(answer, 400, "invalid_request")
    assert sorted(fields_of(problem)) == ["more", "slotId"]


def test_base64_body_is_read_as_what_it_encodes() -> None:
    answer = call("hold", body={"slotId": 5, "channel": "fax"}, is_base64=True)

    problem = assert_problem(answer, 400, "invalid_request")
    assert sorted(fields_of(problem)) == ["channel", "slotId"]


@pytest.mark.parametrize("route", WITH_BODY)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param("not base64!", id="not base64"),
        pytest.param("abc", id="truncated"),
        pytest.param("é", id="not ASCII"),
        pytest.param(base64.b64encode(b'{"slotId": "\xff"}').decode(), id="not UTF-8"),
        pytest.param(base64.b64encode('{"slotId": 1}'.encode("utf-16")).decode(), id="UTF-16"),
        pytest.param(base64.b64encode(b"\x1f\x8b\x08\x00").decode(), id="gzip"),
    ],
)
def test_base64_body_that_encodes_no_json_is_refused(route: str, body: str) -> None:
    handler, event = ROUTES[route]
    request = event()
    request["body"], request["isBase64Encoded"] = body, True

    answer = handler(request, Context())

    assert_problem(answer, 400, "invalid_request")


def test_body_that_is_not_unicode_is_refused() -> None:
    request = hold_event()
    request["body"] = '{"slotId": "\ud800"}'

    answer = hold_slot(request, Context())

    assert_problem(answer, 400, "invalid_request")


@pytest.mark.parametrize("code", [123456, "１２３４５６", "123456\n", "12345", " 12345"])
def test_code_that_is_none_is_refused_by_its_name(code: object) -> None:
    answer = call("verify", body={"code": code})

    problem = assert_problem(answer, 400, "invalid_request")
    assert fields_of(problem) == ["code"]


def test_refusal_does_not_echo_what_was_sent() -> None:
    answer = call("verify", body={"code": "secret-4711"})

    assert_problem(answer, 400, "invalid_request")
    assert "4711" not in answer["body"]


# --- paths and queries ----------------------------------------------------------------------------


@pytest.mark.parametrize("route", WITH_ID)
@pytest.mark.parametrize(
    "id_", ["a.b", "a b", "$ne", "a%2Fb", "é", "x" * 65, "a:b", "{}", "[]", "a'b", "..", "a\n"]
)
def test_bad_id_in_the_path_is_refused(route: str, id_: str) -> None:
    answer = call(route, id_=id_)

    problem = assert_problem(answer, 400, "invalid_request")
    assert fields_of(problem) == ["id"]


@pytest.mark.parametrize("route", WITH_ID)
def test_id_that_the_gateway_decoded_in_the_path_is_refused_too(route: str) -> None:
    handler, event = ROUTES[route]
    request = event(id_="a'b\"<é>")
    request["path"] = request["path"].replace("a%27b%22%3C%C3%A9%3E", "a'b\"<é>")

    answer = handler(request, Context())

    assert json.loads(answer["body"])["code"] in {"invalid_request", "not_found"}
    assert answer["statusCode"] in {400, 404}


def test_parameter_given_twice_is_refused() -> None:
    answer = call("slots", query=[("limit", "5"), ("limit", "6"), ("page", "1")])

    problem = assert_problem(answer, 400, "invalid_request")
    assert fields_of(problem) == ["limit"]


@pytest.mark.parametrize("route", LISTS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "-1"),
        ("limit", "101"),
        ("limit", "²"),
        ("limit", "ten"),
        ("page", "0"),
        ("page", "1.0"),
        ("page", "10001"),
        ("cursor", "garbage"),
        ("sort", "asc"),
        ("$where", "1"),
    ],
)
def test_bad_parameter_is_refused_by_its_name(route: str, name: str, value: str) -> None:
    answer = call(route, query=[(name, value)])

    problem = assert_problem(answer, 400, "invalid_request")
    assert fields_of(problem) == [name]


@pytest.mark.parametrize(
    ("route", "name", "value"),
    [
        ("slots", "date", "2025-02-29"),
        ("slots", "from", "2026-03-03T09:00:00"),
        ("slots", "to", "tomorrow"),
        ("slots", "specialty", "cardiology"),
        ("bookings", "from", "2026-03-03T09:00:00"),
        ("bookings", "to", "0000-01-01T00:00:00Z"),
        ("bookings", "status", "CONFIRMED"),
        ("bookings", "status", ""),
        ("bookings", "userId", "bob"),
        ("doctors", "specialty", ""),
        ("doctors", "specialty", "x" * 101),
        ("doctors", "specialty", "\ud800"),
        ("doctors", "clinicId", "clinic-1"),
    ],
)
def test_bad_filter_is_refused_by_its_name(route: str, name: str, value: str) -> None:
    answer = call(route, query=[(name, value)])

    problem = assert_problem(answer, 400, "invalid_request")
    assert fields_of(problem) == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("phone", "5550100"),
        ("phone", "+0155501000"),
        ("phone", "+1555010012345678"),
        ("phone", "+15550100\n"),
        ("phone", 15550100),
        ("email", "alice"),
        ("email", "alice@example"),
        ("email", "alice@example.org\nBcc: bob@example.org"),
        ("email", "Alice <alice@example.org>"),
        ("email", "a..b@example.org"),
        ("email", f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 20}.org"),
        ("preferredChannel", "fax"),
        ("preferredChannel", ["sms"]),
        ("locale", "english_UK"),
        ("locale", "e"),
        ("timeZone", "Mars/Olympus"),
        ("timeZone", "Europe"),
        ("timeZone", "../../etc/passwd"),
        ("timeZone", "/usr/share/zoneinfo/UTC"),
        ("timeZone", "UTC\x00"),
        ("timeZone", ""),
        ("clinicId", "clinic-1"),
        ("role", "admin"),
        ("id", "bob"),
        ("lastViewed", None),
    ],
)
def test_bad_profile_is_refused_by_its_field(name: str, value: object) -> None:
    answer = call("put me", body={name: value})

    problem = assert_problem(answer, 400, "invalid_request")
    assert fields_of(problem) == [name]


@pytest.mark.parametrize("authorizer", [STAFF, ADMIN], ids=["staff", "admin"])
@pytest.mark.parametrize("route", ["booking", "slots", "doctor"])
def test_staff_get_as_far_as_patients_where_everybody_may(
    route: str, authorizer: dict[str, str]
) -> None:
    answer = call(route, authorizer=authorizer, id_="a.b")

    assert_problem(answer, 400, "invalid_request")


# --- routes, failures -----------------------------------------------------------------------------


@pytest.mark.parametrize("handler", [*(handler for handler, _ in ROUTES.values()), health])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nowhere"), ("PUT", "/bookings"), ("POST", "/"), ("TRACE", "/")]
)
def test_route_that_is_not_the_functions_is_not_found(
    handler: Handler, method: str, path: str
) -> None:
    answer = handler(http_event(method, path), Context())

    assert_problem(answer, 404, "not_found")


def test_failure_of_our_own_tells_the_caller_nothing(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HOLD_SECONDS", "secret-4711")

    answer = call("hold")

    assert_problem(answer, 500, "internal_error")
    assert "4711" not in answer["body"]


@pytest.mark.parametrize("route", ROUTES)
def test_answer_may_not_be_kept_framed_run_sniffed_or_told_on(route: str) -> None:
    answer = call(route, authorizer=None)

    assert {name: header_of(answer, name) for name in SAFE_HEADERS} == SAFE_HEADERS


@pytest.mark.parametrize("route", ROUTES)
def test_answer_does_not_tell_what_made_it(route: str) -> None:
    named = {name.lower() for name in call(route, authorizer=None)["multiValueHeaders"]}

    assert not named & {"server", "via", "x-powered-by", "x-aspnet-version"}


def test_request_id_is_the_invocations_not_the_clients() -> None:
    headers = [("X-Request-Id", "chosen-by-the-client"), ("X-Amzn-Trace-Id", "chosen")]

    answer = call("booking", id_="a.b", headers=headers)

    assert_problem(answer, 400, "invalid_request")


@pytest.mark.parametrize("tags", ["", " ", "1", '"1', '"1" "2"', '"1",', "'1'"])
@pytest.mark.parametrize("route", ["cancel", "reschedule"])
def test_an_if_match_that_is_no_entity_tag_is_refused(route: str, tags: str) -> None:
    answer = call(route, headers=[("If-Match", tags)])

    assert fields_of(assert_problem(answer, 400, "invalid_request")) == ["If-Match"]
