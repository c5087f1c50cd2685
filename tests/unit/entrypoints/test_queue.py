from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from slotkeeper import asides
from slotkeeper.contracts.messages import EventMessage, Message
from slotkeeper.domain.errors import Corrupted, Unavailable
from slotkeeper.entrypoints.observability import InvocationFailed, instrumented, logger
from slotkeeper.entrypoints.queue import process
from slotkeeper.ports.notifications import MaybeSent, NobodyAsked
from tests.support.aws_events import Context, sqs_event
from tests.support.fakes import an_event

BODIES = [
    EventMessage.model_validate(an_event(number)).model_dump_json(by_alias=True)
    for number in range(3)
]


class Handler:
    """Handles messages, but for those of these versions."""

    def __init__(self, error: Exception | None = None, *versions: int) -> None:
        self.error = error
        self.versions = versions
        self.handled: list[int] = []

    def __call__(self, message: Message) -> None:
        assert isinstance(message, EventMessage)
        if self.error and message.version in self.versions:
            raise self.error
        self.handled.append(message.version)


def failures(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def test_batch_that_was_handled_has_no_failures() -> None:
    handler = Handler()

    answer = process(sqs_event(*BODIES), handler)

    assert answer == {"batchItemFailures": []}
    assert handler.handled == [0, 1, 2]


def test_record_that_has_to_wait_fails_alone() -> None:
    handler = Handler(Unavailable(), 1)

    answer = process(sqs_event(*BODIES), handler)

    assert failures(answer) == ["m1"]
    assert handler.handled == [0, 2]


def received(times: int | None) -> dict[str, Any]:
    event = sqs_event(BODIES[0])
    event["Records"][0]["attributes"] = (
        {} if times is None else {"ApproximateReceiveCount": str(times)}
    )
    return event


@pytest.mark.parametrize(
    ("times", "seconds"), [(1, [30]), (2, [120]), (3, [480]), (4, [1920]), (5, []), (None, [30])]
)
def test_message_that_nobody_was_asked_for_comes_back_later_and_later(
    times: int | None, seconds: list[int]
) -> None:
    waits: list[tuple[str, int]] = []

    answer = process(received(times), Handler(NobodyAsked(), 0), lambda *asked: waits.append(asked))

    assert failures(answer) == ["m0"]
    assert waits == [("handle", wait) for wait in seconds]


@pytest.mark.parametrize("error", [Unavailable(), MaybeSent(), ZeroDivisionError()])
def test_message_that_failed_otherwise_comes_back_as_the_queue_says(error: Exception) -> None:
    waits: list[tuple[str, int]] = []

    process(received(1), Handler(error, 0), lambda *asked: waits.append(asked))

    assert waits == []


def test_message_that_cannot_be_postponed_comes_back_all_the_same() -> None:
    def refuse(_: str, __: int) -> None:
        raise Unavailable

    assert failures(process(received(1), Handler(NobodyAsked(), 0), refuse)) == ["m0"]


def test_record_that_breaks_the_handler_fails_alone() -> None:
    handler = Handler(ZeroDivisionError("a bug"), 0, 2)

    answer = process(sqs_event(*BODIES), handler)

    assert failures(answer) == ["m0", "m2"]
    assert handler.handled == [1]


def test_record_that_is_not_ours_fails_alone() -> None:
    handler = Handler()

    answer = process(sqs_event("not json", BODIES[1], "{}"), handler)

    assert failures(answer) == ["m0", "m2"]
    assert handler.handled == [1]


POISON = {
    "not JSON": "not json",
    "nothing": "",
    "of a later version": BODIES[0].replace('"v":1', '"v":2'),
    "of an unknown kind": BODIES[0].replace('"event"', '"fax"'),
    "without a field": BODIES[0].replace('"userId"', '"user"'),
    "with a field of another type": BODIES[0].replace('"version":0', '"version":"Alice +15550100"'),
    "too long": BODIES[0].replace('"actor":"alice"', f'"actor":"{"x" * 5_000}"'),
    "nested without end": "[" * 5_000,
    "a list": "[]",
}


@pytest.mark.parametrize("body", POISON.values(), ids=POISON)
def test_poison_fails_alone_and_is_told_by_place_and_kind_only(
    body: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    handler = Handler()

    answer = process(sqs_event(BODIES[1], body, BODIES[2]), handler)

    assert failures(answer) == ["m1"]
    assert handler.handled == [1, 2]
    [record] = [one for one in caplog.records if one.message == "message.unreadable"]
    assert "Alice" not in str(vars(record))
    assert record.__dict__["why"]
    counted = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert counted["messages_failed_total"] == [1.0]
    assert (counted["kind"], counted["reason"]) == ("unreadable", "unreadable")


def test_message_about_a_broken_document_fails_alone_and_names_it() -> None:
    handler = Handler(Corrupted("bookings", "bk_1", "status: unknown value"), 1)

    with asides.collected() as met:
        answer = process(sqs_event(*BODIES), handler)

    assert failures(answer) == ["m1"]
    assert list(met) == [asides.Aside("bookings", "bk_1", "status: unknown value")]


def test_every_invocation_tells_what_it_left_out_once(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    @instrumented
    def handler(event: dict[str, Any], context: Any) -> None:
        for _ in range(2):
            asides.note(asides.Aside("slots", "dr_1", "hold: missing"))
        raise ZeroDivisionError

    with pytest.raises(InvocationFailed, match=r"^ZeroDivisionError$"):
        handler({}, Context())

    [record] = [one for one in caplog.records if one.message == "document.set_aside"]
    told = (record.__dict__[name] for name in ("collection", "documentId", "why"))
    assert tuple(told) == ("slots", "dr_1", "hold: missing")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["documents_set_aside_total"] == [
        1.0
    ]


def test_lines_about_a_message_name_the_request_it_comes_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One id finds a hold, and the message that came of it."""
    lines = io.StringIO()
    stream = logging.StreamHandler(lines)
    stream.setFormatter(logger.registered_formatter)
    monkeypatch.setattr(logger._logger, "handlers", [stream])

    def handle(message: Message) -> None:
        logger.info("code.handled", fate="sent")
        raise Unavailable

    process(sqs_event(BODIES[0]), handle)
    logger.info("relay.completed")

    handled, retried, other = (json.loads(line) for line in lines.getvalue().splitlines())
    event = an_event(0)
    about = {"causedBy": event.request_id, "slotId": event.slot_id, "attemptId": event.attempt_id}
    assert about.items() <= handled.items()
    assert about.items() <= retried.items()
    assert not about.keys() & other.keys()
