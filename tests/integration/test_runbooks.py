"""The operator's commands of every runbook, run as they stand there, on real stores."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops import __main__ as ops
from slotkeeper.adapters.aws.jobs import SqsJobs
from tests.support import runbooks
from tests.support.house import House
from tests.support.runbooks import Step
from tests.support.servers import Stores

STACK = "slotkeeper"
QUEUES = ("notifications", "notifications-dlq", "schedules-dlq")


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The stack's queues, empty, in memory: their URLs by name."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        sqs = boto3.client("sqs")
        yield {name: sqs.create_queue(QueueName=f"{STACK}-{name}")["QueueUrl"] for name in QUEUES}


@pytest.fixture
def steps(stores: Stores, house: House) -> list[Step]:
    """Every command, once, with this house's stores and things that are in it."""
    house.book(house.slot(), house.patient())
    house.relay()
    house.seal()
    held = house.slot()
    house.hold(held, house.patient())
    uri = stores.database_uri(house.database.name)
    variables = {
        "STACK": STACK,
        "ENVIRONMENT": house.keys.environment,
        "QUEUES": f"--stack-name {STACK}",
        "STORES": f"--mongo-uri {uri} --redis-url {stores.redis_url}"
        f" --redis-mode {stores.redis_mode} --environment {house.keys.environment}",
        "SLOT": held,
        "USER_ID": "nobody",
        "ID": "bk_nothing",
        "GROUP": "none",
        "PARAMETERS": "none",
    }
    found = {step.words: step for step in runbooks.steps(variables)}
    return [step for words, step in found.items() if words[:3] == ("python", "-m", "ops")]


def failed(step: Step, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the command failed; nothing if it did its work."""
    monkeypatch.setattr(sys, "argv", list(step.words[2:]))
    try:
        code = ops.main()
    except SystemExit as error:  # argparse: no such command or option
        return f"{step}: {error.code}"
    return "" if code == 0 or (code == 1 and step.may_say_no) else f"{step}: {code}"


def taken(sqs: Any, url: str) -> int:
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return len(found)


@pytest.mark.usefixtures("never_used")
def test_every_command_of_every_runbook_does_its_work(
    steps: list[Step],
    house: House,
    queues: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sqs: Any = boto3.client("sqs")
    failed_for_good = list(house.queue.events)
    SqsJobs(sqs, queues["notifications-dlq"]).send_events(failed_for_good)
    failures, brought_back = [], 0
    for step in steps:
        failures.append(failed(step, monkeypatch))
        house.relay()  # as its schedule does, of what the commands themselves change
        # Nobody else takes from it here: what was brought back would wait for ever.
        brought_back += taken(sqs, queues["notifications"])

    assert [failure for failure in failures if failure] == []
    assert len(steps) >= 10
    assert brought_back == len(failed_for_good) > 0


@pytest.mark.parametrize(
    ("words", "code"),
    [("no-such-command", 2), ("check --no-such-option", 2), ("unlock nobody", 2)],
)
def test_a_command_that_fails_is_told(
    words: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Step("page.md", ("python", "-m", "ops", *words.split()), may_say_no=True)

    assert failed(step, monkeypatch) == f"{step}: {code}"
