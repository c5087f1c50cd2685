from __future__ import annotations

from slotkeeper.contracts.messages import EventMessage, Message
from slotkeeper.domain.errors import Unavailable
from slotkeeper.entrypoints.queue import process
from tests.support.aws_events import sqs_event
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
