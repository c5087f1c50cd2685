"""Who was turned away, and why, is in the log: without the token, the address, or what was sent."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slotkeeper.domain import errors
from slotkeeper.domain.errors import AppointmentError, Unauthenticated
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import answer
from slotkeeper.entrypoints.auth import arrival_of, note_refusal
from slotkeeper.entrypoints.http import App, create_app
from slotkeeper.entrypoints.observability import instrumented, logger
from slotkeeper.services.authorize import Verdict
from tests.support.aws_events import Context, authorizer_event, http_event

REFUSALS = [
    errors.Forbidden(),
    errors.NotFound(),
    errors.OtpInvalid(3),
    errors.OtpLocked(retry_after_seconds=9),
    errors.TooManyHolds(retry_after_seconds=9),
    errors.RateLimited(retry_after_seconds=9),
    errors.InvalidRequest([("phone", "sent-4711")]),
]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is written where Lambda would take it for the log."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logger.registered_formatter)
    monkeypatch.setattr(logger._logger, "handlers", [handler])
    level = logger.log_level
    logger.setLevel(logging.INFO)
    yield written
    logger.setLevel(level)


def told(lines: io.StringIO, event: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [line for line in found if line["message"] == event]


def an_app(refusal: AppointmentError) -> App:
    app = create_app()

    @app.operation("GET", "/doctors", roles=[Role.PATIENT], answers={})
    def refuse(_: object) -> Any:
        raise refusal

    return app


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one.code)
def test_what_is_refused_is_logged_with_who_asked_and_why(
    lines: io.StringIO, refusal: AppointmentError
) -> None:
    handler = instrumented(an_app(refusal).resolve)

    handler(http_event("GET", "/doctors"), Context())

    [line] = told(lines, "request.refused")
    assert line["code"] == refusal.code
    assert line["userId"] == "alice"
    assert line["requestId"] == Context().aws_request_id
    when = datetime.strptime(line["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z")
    assert abs(datetime.now(UTC) - when) < timedelta(minutes=5)
    assert "4711" not in lines.getvalue()


def test_control_what_is_not_refused_is_not_logged_as_refused(lines: io.StringIO) -> None:
    app = create_app()
    app.operation("GET", "/doctors", roles=[Role.PATIENT], answers={})(lambda _: answer(200))  # type: ignore[arg-type]

    instrumented(app.resolve)(http_event("GET", "/doctors"), Context())

    [line] = told(lines, "invocation.completed")
    assert line["userId"] == "alice"
    assert told(lines, "request.refused") == []


def test_token_that_is_refused_is_logged_by_the_kind_of_what_was_wrong(lines: io.StringIO) -> None:
    refused = Unauthenticated()
    refused.__cause__ = ValueError("Signature of secret-4711 verification failed")

    note_refusal(arrival_of(authorizer_event("Bearer secret-4711")), Verdict(refusal=refused))

    [line] = told(lines, "token.refused")
    assert (line["code"], line["cause"]) == ("unauthenticated", "ValueError")
    assert "4711" not in lines.getvalue()
    assert "203.0.113.7" not in lines.getvalue()


@pytest.mark.parametrize(
    ("refusal", "metric"),
    [
        (errors.SlotHeld(retry_after_seconds=3), "booking_lock_conflicts_total"),
        (errors.OtpInvalid(3), "otp_failed_total"),
        (errors.OtpLocked(retry_after_seconds=9), "otp_locked_total"),
    ],
)
def test_refusals_that_say_how_the_system_does_are_counted(
    capsys: pytest.CaptureFixture[str], refusal: AppointmentError, metric: str
) -> None:
    capsys.readouterr()

    instrumented(an_app(refusal).resolve)(http_event("GET", "/doctors"), Context())

    counted = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    [line] = [one for one in counted if metric in one]
    assert line[metric] == [1.0]
