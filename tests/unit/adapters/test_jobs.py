from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from slotkeeper.adapters.aws.client import connect
from slotkeeper.adapters.aws.jobs import SqsJobs
from slotkeeper.contracts.messages import CodeMessage, EventMessage, parse_message
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.user import Channel
from slotkeeper.ports.notifications import CodeJob
from tests.support.fakes import ALICE, ATTEMPT, SLOT, an_event

JOB = CodeJob(
    attempt_id=ATTEMPT,
    slot_id=SLOT,
    user_id=ALICE,
    channel=Channel.SMS,
    send_number=1,
    request_id="request-1",
)


class Queue:
    """A queue of its own, and what is on it."""

    def __init__(self) -> None:
        self._sqs = connect("sqs")
        self.url = self._sqs.create_queue(QueueName="notifications")["QueueUrl"]
        self.jobs = SqsJobs(self._sqs, self.url)

    def bodies(self) -> list[str]:
        found: list[str] = []
        while messages := self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            found += [message["Body"] for message in messages]
        return found

    def delete(self) -> None:
        self._sqs.delete_queue(QueueUrl=self.url)


class RefusingSqs:
    """An SQS that takes of each batch all but the events of these ids."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.batches: list[int] = []

    def send_message_batch(self, **parameters: Any) -> dict[str, Any]:
        entries: Sequence[dict[str, str]] = parameters["Entries"]
        self.batches.append(len(entries))
        taken = [
            entry for entry in entries if json.loads(entry["MessageBody"])["id"] not in self.refused
        ]
        answer: dict[str, Any] = {
            "Failed": [{"Id": entry["Id"]} for entry in entries if entry not in taken]
        }
        if taken:  # AWS leaves the list out where it would be empty
            answer["Successful"] = [{"Id": entry["Id"]} for entry in reversed(taken)]
        return answer


@pytest.fixture
def queue(aws: str) -> Queue:
    return Queue()


def events(count: int) -> list[DomainEvent]:
    return [an_event(number, booking=f"bk_{number}") for number in range(count)]


def test_code_job_arrives_as_it_was_sent(queue: Queue) -> None:
    queue.jobs.send_code(JOB)

    [body] = queue.bodies()
    message = parse_message(body)
    assert isinstance(message, CodeMessage)
    assert message.to_job() == JOB


def test_code_job_holds_ids_only(queue: Queue) -> None:
    queue.jobs.send_code(JOB)

    [body] = queue.bodies()
    assert set(json.loads(body)) == {
        *("v", "kind", "attemptId", "slotId", "userId", "channel", "sendNumber", "requestId"),
    }


@pytest.mark.parametrize("count", [1, 10, 11, 25])
def test_events_arrive_however_many(queue: Queue, count: int) -> None:
    sent = events(count)

    taken = queue.jobs.send_events(sent)

    assert list(taken) == sent
    messages = [parse_message(body) for body in queue.bodies()]
    arrived = [message.to_event() for message in messages if isinstance(message, EventMessage)]
    assert sorted(event.version for event in arrived) == list(range(count))


def test_no_events_are_no_call(queue: Queue) -> None:
    queue.delete()

    assert list(queue.jobs.send_events([])) == []


def test_events_go_in_batches_of_ten() -> None:
    sqs = RefusingSqs()

    SqsJobs(sqs, "queue").send_events(events(25))

    assert sqs.batches == [10, 10, 5]


def test_events_that_were_refused_are_not_among_those_taken() -> None:
    sent = events(25)
    sqs = RefusingSqs(sent[0].id, sent[12].id)

    taken = SqsJobs(sqs, "queue").send_events(sent)

    assert {event.id for event in taken} == {event.id for event in sent} - set(sqs.refused)


def test_batch_of_which_all_was_refused_takes_none() -> None:
    sent = events(3)
    sqs = RefusingSqs(*(event.id for event in sent))

    taken = SqsJobs(sqs, "queue").send_events(sent)

    assert list(taken) == []


def test_queue_that_is_gone_is_unavailable(queue: Queue) -> None:
    queue.delete()

    with pytest.raises(Unavailable):
        queue.jobs.send_code(JOB)
    with pytest.raises(Unavailable):
        queue.jobs.send_events(events(1))
