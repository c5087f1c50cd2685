"""A client repeats what was not answered, with the same key, and says what it knows."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any, cast

import pytest
import urllib3

from chaos.client import Client, Pace
from chaos.history import Fate, History

Answer = tuple[int, Mapping[str, Any]] | Exception


class Wire:
    """Answers as it is told to, and keeps what was asked."""

    def __init__(self, *answers: Answer):
        self._answers = list(answers)
        self.keys: list[str] = []

    def request(
        self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        self.keys.append(headers["Idempotency-Key"])
        told = self._answers.pop(0)
        if isinstance(told, Exception):
            raise told
        status, document = told
        told_headers = {"Retry-After": "5"} if status == 503 else {}
        return urllib3.HTTPResponse(
            body=json.dumps(document).encode(),
            status=status,
            headers=told_headers,
            preload_content=True,
        )


def client(wire: Wire, history: History) -> Client:
    return Client(
        api_url="http://api",
        token="token",
        patient="alice",
        history=history,
        pace=Pace(10_000),
        rng=random.Random(1),  # noqa: S311  # jitter, no secret
        http=cast("urllib3.PoolManager", wire),
        sleep=lambda _: None,
    )


DOWN = (503, {"code": "unavailable"})
HELD = (202, {"attemptId": "at_1", "slotId": "s1"})


def test_what_was_not_answered_is_asked_again_with_the_same_key() -> None:
    wire, history = Wire(DOWN, urllib3.exceptions.ProtocolError(), (502, {}), HELD), History()

    told = client(wire, history).ask("hold", "POST", "/bookings", body={})

    assert told.fate is Fate.DONE
    assert told.answer == HELD[1]
    assert len(wire.keys) == 4
    assert set(wire.keys) == {told.key}
    assert [t.fate for t in history.tries] == [
        *(Fate.UNAVAILABLE, Fate.UNKNOWN, Fate.UNKNOWN),
        Fate.DONE,
    ]


def test_a_refusal_is_final() -> None:
    wire = Wire((409, {"code": "slot_held"}))

    told = client(wire, History()).ask("hold", "POST", "/bookings", body={})

    assert told.fate is Fate.REFUSED
    assert told.answer["code"] == "slot_held"


@pytest.mark.parametrize("code", ["request_in_progress", "rate_limited"])
def test_a_refusal_that_is_over_by_itself_is_waited_for(code: str) -> None:
    wire = Wire((409, {"code": code}), HELD)

    assert client(wire, History()).ask("hold", "POST", "/bookings", body={}).fate is Fate.DONE


def test_what_is_never_answered_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    wire, history = Wire(DOWN), History()
    monkeypatch.setattr("chaos.client.GIVES_UP_SECONDS", 0.0)

    told = client(wire, history).ask("hold", "POST", "/bookings", body={})

    assert told.fate is Fate.UNKNOWN
    assert history.of("hold") == [told]


def test_a_request_repeated_on_purpose_has_the_key_of_the_first() -> None:
    wire, history = Wire(HELD, HELD), History()
    patient = client(wire, history)

    first = patient.ask("hold", "POST", "/bookings", body={})
    again = patient.ask("hold", "POST", "/bookings", body={}, repeats=first)

    assert again.key == first.key
    assert again.repeats == first.id


def test_a_page_of_the_gateway_without_a_code_is_no_answer() -> None:
    wire = Wire((404, {}), (403, {"message": "Missing Authentication Token"}), HELD)

    told = client(wire, History()).ask("hold", "POST", "/bookings", body={})

    assert told.fate is Fate.DONE
