"""Poison among good messages on the deployed queue, and its way back once it is mended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database

from local import aws
from local.api import Patient
from local.config import ROOT, Config
from slotkeeper.adapters.mongo.documents import OUTBOX_VERSION
from slotkeeper.contracts.messages import EventMessage
from slotkeeper.domain.booking import CANCEL
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.slot import CONFIRM
from tests.support.deployed import NewPatient, NextSlot

GOOD = 5
HIDDEN_SECONDS = 4
"""In place of three minutes: five receives take twenty seconds. More than a warm function takes,
or good messages would be received too often as well."""


@pytest.fixture(scope="module")
def queue(system: Config, stack: dict[str, Any]) -> Iterator[Any]:  # Any: generated client type
    """The queues, with no letter of another test in the DLQ; as patient as usual until told."""
    sqs = aws.client(system, "sqs")
    url = stack["notification_queue_url"]
    usual = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    sqs.purge_queue(QueueUrl=stack["notification_dlq_url"])
    yield sqs
    sqs.set_queue_attributes(QueueUrl=url, Attributes=usual["Attributes"])
    sqs.purge_queue(QueueUrl=stack["notification_dlq_url"])


def lose_patience(sqs: Any, url: str) -> None:
    """For when the function is warm: a cold one takes longer, and good messages would fail."""
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(HIDDEN_SECONDS)})


def ops(stack: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    """What an operator runs."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "common")])
    return subprocess.run(
        [sys.executable, "-m", "ops", *arguments, "--stack", stack["stack_file"]],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def eventually(is_so: Callable[[], bool], seconds: float = 180.0) -> None:
    ends_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends_at, "it never was"
        time.sleep(0.2)


def count(sqs: Any, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(told[name]) for name in names)


def event_of(booking: dict[str, Any], number: int, **changes: Any) -> str:
    event = DomainEvent(
        id=f"{booking['slotId']}-{number}",
        type=changes.pop("type_", CONFIRM.event),
        aggregate_id=booking["id"],
        slot_id=booking["slotId"],
        doctor_id=booking["doctorId"],
        user_id=booking["userId"],
        attempt_id="at_1",
        booking_id=changes.pop("booking_id", booking["id"]),
        from_status="reserved",
        to_status="booked",
        version=number,
        actor=booking["userId"],
        request_id="request-1",
        at=datetime.now(UTC),
    )
    told = EventMessage.model_validate(event).model_dump(mode="json", by_alias=True)
    return json.dumps({**told, **changes})


@dataclass(frozen=True)
class Failing:
    """Poison among good messages, on their way to the DLQ; the first came back from there."""

    alice: Patient
    booking: dict[str, Any]
    absent: str
    """A booking that one of them is about, and that is not there."""
    poison: list[str]
    redriven: subprocess.CompletedProcess[str]
    left: tuple[int, int]
    """In the DLQ and in the queue, once it was redriven."""


@pytest.fixture(scope="module", autouse=True)
def failing(
    stack: dict[str, Any], queue: Any, new_patient: NewPatient, next_slot: NextSlot
) -> Failing:
    """All at once and before any test: they are received five times while others run."""
    alice = new_patient()
    booking = alice.book(next_slot())
    alice.wait_for(1, "is confirmed")  # its own notice; and the function is warm
    absent = f"bk_{uuid.uuid4().hex}"
    # Of one version, or those that overtake would have the others be old news.
    good = [event_of(booking, 9_000 + number, version=9_000) for number in range(GOOD)]
    poison = [
        "not json",
        event_of(booking, 1, v=2),
        event_of(booking, 2, kind="fax"),
        event_of(booking, 3, userId=None),
        event_of(booking, 4, actor="x" * 100_000),
        event_of(booking, 9_999, type_=CANCEL.event, booking_id=absent),
    ]
    url, dlq = stack["notification_queue_url"], stack["notification_dlq_url"]
    lose_patience(queue, url)

    queue.send_message(QueueUrl=dlq, MessageBody=poison[0])
    redriven = ops(stack, "dlq", "redrive", "--all", "--json")
    left = count(queue, dlq), count(queue, url)
    bodies = [body for pair in zip(poison[1:], good, strict=True) for body in pair]
    queue.send_message_batch(
        QueueUrl=url,
        Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)],
    )
    return Failing(alice, booking, absent, poison, redriven, left)


def test_a_failed_schedule_is_run_again(system: Config, stack: dict[str, Any]) -> None:
    sqs = aws.client(system, "sqs")
    dlq = sqs.get_queue_url(QueueName=f"{stack['stack_name']}-schedules-dlq")["QueueUrl"]
    sqs.purge_queue(QueueUrl=dlq)
    arn = (
        f"arn:aws:lambda:us-east-1:000000000000:function:{stack['stack_name']}-expire-locks:$LATEST"
    )
    told = {"requestContext": {"functionArn": arn}, "requestPayload": {}}
    sqs.send_message(QueueUrl=dlq, MessageBody=json.dumps(told))
    sqs.send_message(QueueUrl=dlq, MessageBody="not ours")

    done = ops(stack, "dlq", "redrive", "--queue", "schedules")

    assert done.returncode == 1, done.stderr
    assert "1 brought back, 1 left behind" in done.stderr
    assert count(sqs, dlq) == 1
    sqs.purge_queue(QueueUrl=dlq)


def test_what_is_set_aside_is_listed_and_put_back(
    stack: dict[str, Any], deployed_mongo: Database[dict[str, Any]]
) -> None:
    id_ = f"event-{uuid.uuid4().hex}"
    mark = {"at": datetime.now(UTC), "why": "actor: of kind int"}
    # Of a version that no relay of ours touches, or the minute's would set it aside once more.
    row = {"_id": id_, "v": OUTBOX_VERSION + 1, "actor": 7, "setAside": mark}
    deployed_mongo["outbox"].insert_one(row)
    try:
        listed = ops(stack, "set-aside", "list", "--json")
        retried = [ops(stack, "set-aside", "retry", id_) for _ in range(2)]
    finally:
        deployed_mongo["outbox"].delete_one({"_id": id_})

    assert listed.returncode == 1
    assert id_ in {json.loads(line)["id"] for line in listed.stdout.splitlines()}
    assert [done.returncode for done in retried] == [0, 1]


@pytest.mark.parametrize(
    "arguments",
    [("dlq", "show"), ("set-aside", "list"), ("dlq", "redrive", "--limit", "0")],
    ids=" ".join,
)
def test_a_command_that_cannot_work_says_so_in_one_line(
    stack: dict[str, Any], arguments: tuple[str, ...]
) -> None:
    done = ops({"stack_file": "/nowhere/stack.json"}, *arguments)

    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_redriving_all_brings_back_even_what_is_not_ours(
    stack: dict[str, Any], queue: Any, failing: Failing
) -> None:
    done, dlq = failing.redriven, stack["notification_dlq_url"]

    assert (done.returncode, done.stderr) == (0, "1 brought back, 0 left behind\n")
    assert failing.left == (0, 1)
    eventually(lambda: count(queue, dlq) == len(failing.poison))  # and it fails again


def test_poison_ends_in_the_dlq_with_everything_else_delivered_and_comes_back_once_mended(
    failing: Failing,
    stack: dict[str, Any],
    queue: Any,
    deployed_mongo: Database[dict[str, Any]],
) -> None:
    alice, booking, absent = failing.alice, failing.booking, failing.absent
    poison = failing.poison
    url, dlq = stack["notification_queue_url"], stack["notification_dlq_url"]

    alice.wait_for(1 + GOOD, "is confirmed")
    eventually(lambda: count(queue, dlq) == len(poison) and count(queue, url) == 0)
    assert len(alice.wait_for(1 + GOOD, "is confirmed")) == 1 + GOOD

    shown = ops(stack, "dlq", "show", "--json")
    letters = [json.loads(line) for line in shown.stdout.splitlines()]
    assert shown.returncode == 0, shown.stderr
    assert sorted(letter["kind"] for letter in letters) == sorted(
        ["event", "of a later version", *["unreadable"] * 4]
    )
    assert [letter["bookingId"] for letter in letters if letter["isOurs"]] == [absent]
    assert booking["userId"] not in shown.stdout

    tried = ops(stack, "dlq", "redrive", "--dry-run")
    assert (tried.returncode, count(queue, dlq)) == (1, len(poison))
    assert "1 would be brought back, 5 left behind" in tried.stderr

    kept = deployed_mongo["bookings"].find_one({"_id": booking["id"]})
    assert kept is not None
    deployed_mongo["bookings"].insert_one(
        {**kept, "_id": absent, "attemptId": absent, "status": "cancelled"}
    )
    try:
        redriven = [ops(stack, "dlq", "redrive"), ops(stack, "dlq", "redrive")]
        alice.wait_for(1, "is cancelled")
        eventually(lambda: count(queue, url) == 0)
    finally:
        deployed_mongo["bookings"].delete_one({"_id": absent})

    assert ["1 brought back" in done.stderr for done in redriven] == [True, False]
    assert [done.returncode for done in redriven] == [1, 1]
    assert count(queue, dlq) == len(poison) - 1
    assert len(alice.wait_for(1, "is cancelled")) == 1
