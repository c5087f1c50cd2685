"""A request repeated with its idempotency key: one effect, one answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import Response

from slotkeeper.contracts.shapes import IdPath, Nothing, Request, Shape
from slotkeeper.domain import errors
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import answer
from slotkeeper.entrypoints.http import App, create_app
from slotkeeper.entrypoints.operation import Call
from tests.support.aws_events import PATIENT, STAFF, Context, Event, header_of, http_event
from tests.support.fakes import FakeRequests

KEY = "key-0123456789abcdef"
BOB = {**PATIENT, "userId": "bob"}


class Note(Request):
    text: str | None = None
    tone: str | None = None


class NoteResponse(Shape):
    number: int


class House:
    """An app with one route under two paths; each run of it is counted, and may be told to fail."""

    def __init__(self, memory: FakeRequests | None = None) -> None:
        self.memory = memory or FakeRequests()
        self.runs: list[str] = []
        self.failure: Callable[[], Response[str]] | None = None
        self.app = create_app(lambda: self.memory, is_standby=lambda: False)
        self._declare(self.app, "/notes/{id}")
        self._declare(self.app, "/letters/{id}")
        self._requests = 0

    def _declare(self, app: App, path: str) -> None:
        @app.operation(
            "POST",
            path,
            roles=Role,
            path_model=IdPath,
            body_model=Note,
            answers={HTTPStatus.CREATED: NoteResponse},
            idempotency="honoured",
        )
        def make(call: Call[IdPath, Nothing, Note]) -> Response[str]:
            self.runs.append(call.request_key)
            if self.failure:
                return self.failure()
            text = f'{{ "number": {len(self.runs)} }}'
            return answer(HTTPStatus.CREATED, text, {"ETag": '"7"', "X-More": "é"})

    def post(
        self,
        *,
        key: str | list[str] | None = KEY,
        path: str = "/notes/{id}",
        id_: str = "n1",
        body: object = None,
        caller: dict[str, str] | Any = PATIENT,  # Any: a read-only mapping
        query: list[tuple[str, str]] | None = None,
        text: str | None = None,
    ) -> dict[str, Any]:
        keys = [key] if isinstance(key, str) else key or []
        headers = [("Idempotency-Key", value) for value in keys]
        if body is None and text is None:
            body = {"text": "hello"}
        event: Event = http_event(
            "POST",
            path.replace("{id}", id_),
            path_parameters={"id": id_},
            headers=headers,
            body=body,
            text=text,
            authorizer=caller,
            query=query or [],
        )
        self._requests += 1
        return self.app.resolve(event, Context(aws_request_id=f"request-{self._requests}"))


@pytest.fixture
def house() -> House:
    return House()


def code_of(told: dict[str, Any]) -> str:
    return str(json.loads(told["body"])["code"])


def refuse(error: errors.AppointmentError) -> Callable[[], Response[str]]:
    def fail() -> Response[str]:
        raise error

    return fail


# --- repeated -----------------------------------------------------------------------------------


def test_a_repeated_request_has_one_effect_and_the_same_answer(house: House) -> None:
    first = house.post()

    second = house.post()

    assert len(house.runs) == 1
    assert (second["statusCode"], second["body"]) == (201, first["body"])
    assert header_of(first, "Idempotent-Replayed") is None
    assert header_of(second, "Idempotent-Replayed") == "true"
    own = {"X-Request-Id", "Idempotent-Replayed"}
    assert {n: v for n, v in second["multiValueHeaders"].items() if n not in own} == {
        n: v for n, v in first["multiValueHeaders"].items() if n not in own
    }
    assert first["multiValueHeaders"]["X-Request-Id"] != second["multiValueHeaders"]["X-Request-Id"]


def test_a_request_without_a_key_is_carried_out_each_time(house: House) -> None:
    answers = [house.post(key=None), house.post(key=None)]

    assert [told["statusCode"] for told in answers] == [201, 201]
    assert len(set(house.runs)) == 2
    assert house.memory.calls == []


def test_the_same_body_written_otherwise_is_the_same_request() -> None:
    house = House()
    house.post(text='{"text":"hello","tone":"kind"}')

    again = house.post(text=' {\n"tone":"kind", "te\\u0078t" : "hel\\u006co"}')

    assert header_of(again, "Idempotent-Replayed") == "true"


def test_a_bare_and_a_quoted_key_are_one(house: House) -> None:
    house.post(key=KEY)

    again = house.post(key=f'"{KEY}"')

    assert header_of(again, "Idempotent-Replayed") == "true"


@pytest.mark.parametrize(
    "other",
    [
        {"body": {"text": "good-bye"}},
        {"body": {}},
        {"id_": "n2"},
        {"path": "/letters/{id}"},
    ],
    ids=str,
)
def test_a_key_stands_for_one_request_only(house: House, other: dict[str, Any]) -> None:
    house.post()

    refused = house.post(**other)

    assert (refused["statusCode"], code_of(refused)) == (422, "idempotency_key_reused")
    assert len(house.runs) == 1


def test_two_callers_with_one_key_do_not_meet(house: House) -> None:
    answers = [house.post(caller=who) for who in (PATIENT, BOB, STAFF)]

    assert [told["statusCode"] for told in answers] == [201, 201, 201]
    assert len(set(house.runs)) == 3


# --- under way ----------------------------------------------------------------------------------


def test_a_request_under_way_is_in_progress_with_the_time_to_wait(house: House) -> None:
    inner: list[dict[str, Any]] = []

    def ask_again() -> Response[str]:
        house.failure = None
        inner.append(house.post())
        return answer(HTTPStatus.CREATED, "{}")

    house.failure = ask_again
    house.post()

    assert (inner[0]["statusCode"], code_of(inner[0])) == (409, "request_in_progress")
    assert header_of(inner[0], "Retry-After") == "20"
    assert len(house.runs) == 1


# --- not carried out ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotFound(), 404),
        (errors.SlotHeld(retry_after_seconds=3), 409),
        (errors.RateLimited(), 429),
        (errors.Unavailable(), 503),
    ],
    ids=str,
)
def test_a_refusal_keeps_no_key(house: House, error: errors.AppointmentError, status: int) -> None:
    house.failure = refuse(error)
    assert house.post()["statusCode"] == status
    house.failure = None

    again = house.post(body={"text": "another"})

    assert again["statusCode"] == 201
    assert header_of(again, "Idempotent-Replayed") is None


def test_a_failure_of_ours_keeps_no_key(house: House) -> None:
    def crash() -> Response[str]:
        raise ZeroDivisionError

    house.failure = crash
    assert house.post()["statusCode"] == 500
    house.failure = None

    assert house.post()["statusCode"] == 201


@pytest.mark.parametrize("status", [400, 409, 500, 503])
def test_an_answer_that_is_no_success_keeps_no_key(house: House, status: int) -> None:
    house.failure = lambda: answer(HTTPStatus(status), "{}")
    assert house.post()["statusCode"] == status

    assert house.memory.known == {}


@pytest.mark.parametrize(
    "key",
    [
        *("", "short-key-01234", "x" * 129, "key with spaces 0123", "ключ-0123456789abcdef"),
        *('"', '""', f'"{KEY}', f'{KEY}"', f"'{KEY}'", f" {KEY}", f"{KEY}\n", f"{KEY},{KEY}"),
        [KEY, KEY],
    ],
    ids=repr,
)
def test_a_key_that_is_none_is_an_invalid_request(house: House, key: str | list[str]) -> None:
    refused = house.post(key=key)

    assert (refused["statusCode"], code_of(refused)) == (400, "invalid_request")
    assert [e["field"] for e in json.loads(refused["body"])["errors"]] == ["Idempotency-Key"]
    assert (house.runs, house.memory.calls) == ([], [])


@pytest.mark.parametrize("key", ["x" * 16, "x" * 128, "A-z_0.9:ABCDEFGH"])
def test_a_key_of_16_to_128_plain_characters_will_do(house: House, key: str) -> None:
    house.post(key=key)

    assert header_of(house.post(key=key), "Idempotent-Replayed") == "true"


@pytest.mark.parametrize("parts", [{"body": {"text": 1}}, {"id_": "n 1"}, {"query": [("a", "b")]}])
def test_a_request_that_cannot_be_read_does_not_use_its_key(
    house: House, parts: dict[str, Any]
) -> None:
    assert house.post(**parts)["statusCode"] == 400

    assert house.post()["statusCode"] == 201
    assert house.memory.calls == ["begin", "complete"]


# --- the memory is down, or forgets ---------------------------------------------------------------


def test_without_its_memory_a_request_is_carried_out_under_the_same_name(house: House) -> None:
    house.memory.down = {"begin"}

    answers = [house.post(), house.post()]

    assert [told["statusCode"] for told in answers] == [201, 201]
    assert len(house.runs) == 2
    assert len(set(house.runs)) == 1


def test_an_answer_that_could_not_be_kept_is_given_all_the_same(house: House) -> None:
    house.memory.down = {"complete"}

    assert house.post()["statusCode"] == 201

    refused = house.post()
    assert (refused["statusCode"], code_of(refused)) == (409, "request_in_progress")


def test_a_refusal_is_told_even_if_its_key_cannot_be_given_back(house: House) -> None:
    house.memory.down = {"abandon"}
    house.failure = refuse(errors.NotFound())

    assert house.post()["statusCode"] == 404


def test_after_a_crash_and_its_lease_the_request_runs_again_under_the_same_name(
    house: House,
) -> None:
    house.memory.down = {"complete"}
    house.post()
    house.memory.down = set()
    house.memory.known.clear()  # the lease is over

    again = house.post()

    assert again["statusCode"] == 201
    assert len(house.runs) == 2
    assert len(set(house.runs)) == 1
    assert header_of(house.post(), "Idempotent-Replayed") == "true"


def test_an_invocation_that_outlived_its_lease_leaves_the_key_to_its_successor() -> None:
    house = House()

    def outlive() -> Response[str]:
        house.memory.known.clear()
        house.failure = None
        house.post()
        return answer(HTTPStatus.CREATED, '{ "number": 99 }')

    house.failure = outlive
    house.post()

    assert json.loads(house.post()["body"]) == {"number": 2}


def test_a_route_cannot_promise_to_honour_keys_without_a_memory() -> None:
    app = create_app()

    with pytest.raises(AssertionError):
        app.operation("POST", "/notes", roles=[], answers={}, idempotency="honoured")
