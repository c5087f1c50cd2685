"""Each line of a log counts once, and lines that are alike count as often as they are there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local import aws
from local.config import REGION, from_environment
from local.metrics_bridge import Bridge, running
from local.progress import LocalError

GROUP = "/aws/lambda/slotkeeper-local-hold-slot"
STACK: dict[str, Any] = {"functions": {"hold_slot": "slotkeeper-local-hold-slot"}}


@pytest.fixture
def logs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Any]:  # Any: generated client type
    monkeypatch.setenv("SLOTKEEPER_STATE", str(tmp_path))
    with mock_aws():
        monkeypatch.setattr(
            aws, "client", lambda config, service: boto3.client(service, region_name=REGION)
        )
        made = boto3.client("logs", region_name=REGION)
        made.create_log_group(logGroupName=GROUP)
        made.create_log_stream(logGroupName=GROUP, logStreamName="one")
        yield made


def write(logs: Any, *lines: tuple[int, str]) -> None:
    events = [{"timestamp": at, "message": line} for at, line in lines]
    logs.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=events)


def test_lines_are_told_once_and_alike_ones_as_often_as_they_are(logs: Any) -> None:
    bridge = Bridge(from_environment(), STACK)
    now = int(time.time() * 1000) + 1

    write(logs, (now, "a"), (now, "a"), (now, "b"))
    first = sorted(bridge._new_lines())
    again = sorted(bridge._new_lines())
    write(logs, (now, "a"), (now + 1, "c"))  # of another invocation, which ended later
    last = sorted(bridge._new_lines())

    assert (first, again, last) == (["a", "a", "b"], [], ["a", "c"])


def test_a_bridge_begins_where_the_last_one_ended_and_not_long_ago(logs: Any) -> None:
    now = int(time.time() * 1000)
    write(logs, (now - 600_000, "old"), (now - 10_000, "new"))

    first = list(Bridge(from_environment(), STACK)._new_lines())
    second = list(Bridge(from_environment(), STACK)._new_lines())

    assert (first, second) == (["new"], [])


def test_only_one_bridge_is_at_work(logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bridge, "step", lambda self: 0)
    config = from_environment()

    with (
        running(config, STACK),
        pytest.raises(LocalError, match="another"),
        running(config, STACK),
    ):
        pass
    with running(config, STACK) as bridge:
        assert bridge.error is None
