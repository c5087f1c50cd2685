"""Draining: until nothing is left for sure, or the time is up; with a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops.drain import EVERY, RELAY_EVERY, Backlog, Queue, Relay, drained
from ops.queues import Account


class World:
    """Time that passes by sleeping, and a backlog that is looked at."""

    def __init__(self, *looks: tuple[int, int, int]):
        self.looks: Sequence[tuple[int, int, int]] = looks
        self.looked = 0
        self.now = 1000.0
        self.relayed: list[float] = []

    def look(self) -> Backlog:
        outbox, queued, sending = self.looks[min(self.looked, len(self.looks) - 1)]
        self.looked += 1
        return Backlog(outbox=outbox, queued=queued, sending=sending)

    def relay(self) -> None:
        self.relayed.append(self.now - 1000)

    def drain(self, seconds: float = 600) -> Backlog:
        return drained(
            self.look, self.relay, seconds=seconds, clock=lambda: self.now, sleep=self._sleep
        )

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


def test_what_is_empty_is_done_after_a_second_look() -> None:
    world = World((0, 0, 0))

    left = world.drain()

    assert (left.total, world.looked, world.relayed) == (0, 2, [])


def test_a_queue_that_only_seemed_empty_is_waited_for() -> None:
    world = World((0, 0, 0), (0, 3, 0), (0, 0, 1), (0, 0, 0))

    assert world.drain().total == 0
    assert world.looked == 5


def test_the_relay_is_run_at_once_and_every_few_seconds_while_the_outbox_has_events() -> None:
    busy = [(500 - n, 0, 0) for n in range(10)]
    world = World(*busy, (0, 40, 0), (0, 0, 0))

    world.drain()

    assert world.relayed == [0.0, RELAY_EVERY, 2 * RELAY_EVERY, 3 * RELAY_EVERY]


def test_what_is_left_when_the_time_is_up_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    world = World((10, 5, 1), (8, 4, 1), (6, 4, 1))

    left = world.drain(seconds=10)

    assert left == Backlog(outbox=6, queued=4, sending=1)
    assert world.now - 1000 == 10
    progress = capsys.readouterr().err.splitlines()
    assert progress[0] == "outbox 10, queue 5, being sent 1"
    assert "s to go" in progress[1]


def test_with_no_time_it_looks_once() -> None:
    world = World((1, 0, 0))

    assert world.drain(seconds=0).total == 1
    assert (world.looked, world.relayed) == (1, [])
    assert EVERY > 0


# --- AWS ------------------------------------------------------------------------------------------


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Account("slotkeeper", {"region_name": "eu-central-1"})


def test_messages_that_wait_and_those_at_the_sender_are_counted(account: Account) -> None:
    sqs: Any = boto3.client("sqs", region_name="eu-central-1")
    url = sqs.create_queue(QueueName="slotkeeper-notifications")["QueueUrl"]
    for body in ("a", "b", "c"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    sqs.send_message(QueueUrl=url, MessageBody="d", DelaySeconds=60)
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)

    assert Queue(account).counted() == (3, 1)


def test_a_relay_that_cannot_be_run_is_told_once_and_waited_for(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    relay = Relay(account)

    for _ in range(3):
        relay()

    assert capsys.readouterr().err.count("its schedule does") == 1
