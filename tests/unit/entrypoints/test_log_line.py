from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError

from slotkeeper.domain.attempt import attempt_id, booking_id
from slotkeeper.domain.errors import Unavailable
from slotkeeper.entrypoints.log_line import FIELDS, NOT_SHOWN, AllowedOnly
from slotkeeper.entrypoints.observability import (
    InvocationFailed,
    count_by,
    identify,
    instrumented,
    logger,
)
from slotkeeper.readings import note
from tests.support.aws_events import Context

PHONE = "+15550199"
DRIVERS_WORDS = 'E11000 duplicate key error collection: slotkeeper.users dup key: { phone: "%s" }'


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is written where Lambda would take it for the log."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logger.registered_formatter)
    monkeypatch.setattr(logger._logger, "handlers", [handler])
    logger.registered_formatter.clear_state()
    return written


def told(lines: io.StringIO) -> dict[str, Any]:
    [line] = lines.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_field_that_is_not_named_is_left_out(lines: io.StringIO) -> None:
    logger.info("profile.changed", phone=PHONE, code="invalid_request")

    assert PHONE not in lines.getvalue()
    assert (told(lines)["code"], told(lines)["message"]) == ("invalid_request", "profile.changed")


def test_key_that_was_appended_and_is_not_named_is_left_out(lines: io.StringIO) -> None:
    logger.append_keys(email="alice@example.com")
    logger.info("profile.changed")
    logger.remove_keys(["email"])

    assert "alice@example.com" not in lines.getvalue()


@pytest.mark.parametrize("name", ["attemptId", "bookingId", "slotId"])
def test_what_a_client_wrote_for_an_id_is_on_no_line(lines: io.StringIO, name: str) -> None:
    identify(**{name: "alice_at_example_com"})
    logger.info("profile.changed")

    assert "alice" not in lines.getvalue()


def test_ids_that_were_made_here_are_on_every_further_line(lines: io.StringIO) -> None:
    made = {"attemptId": attempt_id("alice", "key", "dr-1"), "slotId": "dr-1_20261201T0900Z"}
    made["bookingId"] = booking_id(made["attemptId"])

    identify(**made)
    logger.info("profile.changed")
    logger.remove_keys(list(made))

    assert {name: told(lines)[name] for name in made} == made


def test_message_that_is_no_event_is_not_shown(lines: io.StringIO) -> None:
    logger.warning(f"the code of {PHONE} is 123456")

    assert told(lines)["message"] == NOT_SHOWN


@pytest.mark.parametrize(
    "id_", [PHONE, "alice@example.com", "a b", "x" * 500, {"a": PHONE}], ids=str
)
def test_id_that_is_none_is_not_shown(lines: io.StringIO, id_: object) -> None:
    logger.error("document.set_aside", documentId=id_)

    assert told(lines)["documentId"] == NOT_SHOWN


def test_line_ends_and_terminal_codes_forge_no_line(lines: io.StringIO) -> None:
    logger.error("document.set_aside", why='a\r\n{"level":"INFO"}\x1b[2J\u2028\x9b31m')

    text = lines.getvalue()
    assert text.isascii()
    assert text.count("\n") == 1
    assert not set(text) & {"\r", "\x1b"}
    assert told(lines)["why"].startswith("a\r\n")


def test_field_is_not_longer_nor_deeper_than_a_line_bears(lines: io.StringIO) -> None:
    logger.info(
        "payments.completed", why="x" * 100_000, settled={"captured": 1, "deep": {"a": PHONE}}
    )

    assert len(lines.getvalue()) < 5_000
    assert told(lines)["settled"] == {"captured": 1}


def test_object_is_told_by_its_kind(lines: io.StringIO) -> None:
    logger.info("request.refused", cause=Unavailable(PHONE))

    assert told(lines)["cause"] == "Unavailable"


def test_exception_is_told_by_kinds_and_places_without_a_drivers_words(lines: io.StringIO) -> None:
    try:
        try:
            raise DuplicateKeyError(DRIVERS_WORDS % PHONE)
        except DuplicateKeyError as error:
            error.add_note(PHONE)
            raise Unavailable(PHONE) from error
    except Unavailable:
        logger.exception("invocation.failed", errorType="Unavailable")

    line = told(lines)
    assert PHONE not in lines.getvalue()
    assert "pymongo.errors.DuplicateKeyError" in line["exception"]
    assert "test_log_line.py:" in line["exception"]
    assert line["exception_name"] == "Unavailable"
    assert not {"stack_trace", "exception_notes"} & set(line)


def test_a_plain_formatter_would_have_told_the_drivers_words() -> None:
    """The control: the same record by Powertools' own formatter."""
    from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

    try:
        raise DuplicateKeyError(DRIVERS_WORDS % PHONE)
    except DuplicateKeyError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "a.b", None, info)

    assert PHONE in LambdaPowertoolsFormatter().format(record)
    assert PHONE not in AllowedOnly().format(record)


def test_what_lambda_is_told_of_a_failure_is_its_kind(lines: io.StringIO) -> None:
    @instrumented
    def handler(event: dict[str, Any], context: Any) -> None:
        raise DuplicateKeyError(DRIVERS_WORDS % PHONE)

    with pytest.raises(InvocationFailed) as failure:
        handler({}, Context())

    assert str(failure.value) == "DuplicateKeyError"
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__
    assert PHONE not in lines.getvalue()
    assert '"invocation.failed"' in lines.getvalue()


def test_every_field_that_is_logged_is_named() -> None:
    """A field that the code logs and nobody named would be lost without a word."""
    import ast

    from local.config import ROOT

    logged: set[str] = set()
    sources = [*ROOT.glob("functions/*/app.py"), *ROOT.glob("layers/common/slotkeeper/**/*.py")]
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="logger"), attr=how), keywords=keywords
                ) if how in {"debug", "info", "warning", "error", "exception", "append_keys"}:
                    logged |= {keyword.arg for keyword in keywords if keyword.arg}

    assert len(logged) > 10
    assert logged <= FIELDS


def test_label_that_is_not_named_is_not_counted_by(capsys: pytest.CaptureFixture[str]) -> None:
    count_by("messages_failed_total", kind=PHONE, reason="error", user="alice")

    counted = json.loads(capsys.readouterr().out)
    assert (counted["kind"], counted["reason"]) == ("other", "error")
    assert "alice" not in str(counted)


def test_a_share_of_the_invocations_logs_how_long_its_calls_took(
    lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    @instrumented
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        note("redis_ms", 0.5, "eval")
        return {}

    handler({}, Context())
    assert "calls.made" not in lines.getvalue()

    monkeypatch.setattr(logger, "sampling_rate", 1.0)
    handler({}, Context())
    monkeypatch.setattr(logger, "sampling_rate", 0.0)
    logger._logger.setLevel("INFO")

    [made] = [json.loads(one) for one in lines.getvalue().splitlines() if "calls.made" in one]
    assert made["calls"] == {"redis_ms.eval": [0.5]}
    assert made["requestId"] == Context().aws_request_id
