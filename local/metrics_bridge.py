"""What CloudWatch does by itself and the emulator does not: metrics of log lines, alarms by them.

Only on this machine. The functions' EMF lines are read from their log groups and put as metrics, as
CloudWatch would. The numbers that AWS's own services publish are derived as well as can be: depth
and age of each queue from what SQS tells; requests and 5xx of the API from the functions' own log,
so without what the gateway itself refuses and without its part of the latency. Then each alarm is
given its state.
"""

from __future__ import annotations

import fcntl
import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import alarms, aws
from local.alarms import SILENCE_SECONDS
from local.config import ENVIRONMENT, STACK, Config
from local.emf import Point, as_data, points
from local.emulator_process import EVALUATED
from local.progress import LocalError

LOOKS_EVERY_SECONDS = 4.0
_OVERLAP_MS = 30_000
"""Lines are stamped when they were written, and arrive when their invocation has ended."""
_MOST_DATA = 500
_API, _QUEUES = "AWS/ApiGateway", "AWS/SQS"


class Bridge:
    """Follows the logs from where the last one ended, or some minutes ago, a `step` at a time."""

    def __init__(self, config: Config, stack: Mapping[str, Any]):
        self._config = config
        self._groups = [f"/aws/lambda/{function}" for function in stack["functions"].values()]
        self._logs = aws.client(config, "logs")
        self._cloudwatch = aws.client(config, "cloudwatch")
        self._sqs = aws.client(config, "sqs")
        self._until = config.state / "bridge.until"
        """To what instant lines were told: none counts again in the next bridge."""
        self._from_ms = max(_noted(self._until), int((time.time() - SILENCE_SECONDS) * 1000))
        self._seen: Counter[tuple[str, int, str]] = Counter()
        self.error: Exception | None = None
        """What ended it, where that was a mistake of ours."""
        self.not_evaluated: list[str] = []
        """Alarms that use what is not understood here."""

    def step(self) -> int:
        """Put what is new as metrics, give the alarms their states; how many points there were."""
        found = [point for line in self._new_lines() for point in _told(line)]
        found += self._queues()
        for namespace, data in as_data(found).items():
            for start in range(0, len(data), _MOST_DATA):
                some = data[start : start + _MOST_DATA]
                self._cloudwatch.put_metric_data(Namespace=namespace, MetricData=some)
        # The emulator leaves alarms alone as long as somebody else looks after them.
        (self._config.state / "emulator" / "state" / EVALUATED).touch()
        self.not_evaluated = alarms.evaluate(self._config, datetime.now(UTC))
        return len(found)

    def _new_lines(self) -> Iterator[str]:
        now = int(time.time() * 1000)
        # Lines have no id here, and two of one invocation may be alike: they are counted.
        there: Counter[tuple[str, int, str]] = Counter()
        for group in self._groups:
            pages = self._logs.get_paginator("filter_log_events")
            for page in pages.paginate(logGroupName=group, startTime=self._from_ms):
                for event in page["events"]:
                    there[event["logStreamName"], event["timestamp"], event["message"]] += 1
        for (_, _, line), number in (there - self._seen).items():
            yield from [line] * number
        # Those that were there last time and are too old to be asked for again are forgotten.
        self._seen = there
        self._from_ms = max(self._from_ms, now - _OVERLAP_MS)
        self._until.write_text(str(now))

    def _queues(self) -> Iterator[Point]:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        oldest = _oldest(self._config)
        now = time.time()
        for url in self._sqs.list_queues(QueueNamePrefix=STACK).get("QueueUrls", []):
            told = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            queue = url.rpartition("/")[2]
            numbers = {
                f"{name}Visible" if name == names[0] else name: float(told[name]) for name in names
            }
            numbers["ApproximateAgeOfOldestMessage"] = max(0.0, now - oldest.get(queue, now))
            for name, value in numbers.items():
                unit = "Seconds" if "Age" in name else "Count"
                yield _point(_QUEUES, name, {"QueueName": queue}, unit, now, value)


@contextmanager
def running(config: Config, stack: Mapping[str, Any]) -> Iterator[Bridge]:
    """A bridge at work in the background.

    Raises:
        LocalError: another one is at work here: every event would count twice.
    """
    with (config.state / "bridge.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LocalError("another `make watch` or `make demo-ops` is at work here") from error
        bridge = Bridge(config, stack)
        stopping = threading.Event()

        def work() -> None:
            while not stopping.is_set():
                # The emulator may not be there for a moment: the lines will be, next time.
                try:
                    bridge.step()
                except (BotoCoreError, ClientError, OSError):
                    pass
                except Exception as error:
                    bridge.error = error
                    raise
                stopping.wait(LOOKS_EVERY_SECONDS)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield bridge
        finally:
            stopping.set()
            thread.join()


def watch(config: Config, stack: Mapping[str, Any]) -> None:
    """Print which alarms are in ALARM, with their runbooks, whenever that changes; until Ctrl-C."""
    with running(config, stack) as bridge:
        shown: list[str] | None = None
        while True:
            lines = [
                f"ALARM  {alarm.id:24} {alarm.reason}\n       runbook: {alarm.runbook or '-'}"
                for alarm in alarms.read(config)
                if alarm.state == "ALARM"
            ]
            lines += [f"not evaluated here: {name}" for name in bridge.not_evaluated]
            if lines != shown:
                print(f"--- {datetime.now(UTC):%H:%M:%S} UTC", flush=True)
                print("\n".join(lines) or "no alarm", flush=True)
                shown = lines
            if bridge.error is not None:
                raise LocalError(f"the metrics are not followed any more: {bridge.error!r}")
            time.sleep(LOOKS_EVERY_SECONDS)


def _noted(file: Path) -> int:
    try:
        return int(file.read_text()) + 1
    except (OSError, ValueError):
        return 0


def _told(line: str) -> list[Point]:
    return points(line) or list(_of_api(line))


def _of_api(line: str) -> Iterator[Point]:
    """What the gateway would count of an invocation that answered a request."""
    if '"invocation.completed"' not in line:
        return
    try:
        told = json.loads(line[line.index("{") :])
    except ValueError:
        return
    status, took = told.get("status"), told.get("durationMs")
    if not isinstance(status, int) or not isinstance(took, int | float):
        return
    now = time.time()
    values = {
        "Count": (1.0, "Count"),
        "4XXError": (float(400 <= status < 500), "Count"),
        "5XXError": (float(status >= HTTPStatus.INTERNAL_SERVER_ERROR), "Count"),
        "Latency": (float(took), "Milliseconds"),
        "IntegrationLatency": (float(took), "Milliseconds"),
    }
    for dimensions in ({"ApiName": STACK}, {"ApiName": STACK, "Stage": ENVIRONMENT}):
        for name, (value, unit) in values.items():
            yield _point(_API, name, dimensions, unit, now, value)


def _oldest(config: Config) -> dict[str, float]:
    """When the oldest message of each queue that has any was sent."""
    url = f"{config.aws_endpoint}/_ministack/sqs/messages"
    with urllib.request.urlopen(url, timeout=10) as answer:
        told = json.load(answer)
    return {
        queue_url.rpartition("/")[2]: float(min(message["SentTimestamp"] for message in waiting))
        for by_region in told["messages"].values()
        for by_queue in by_region.values()
        for queue_url, waiting in by_queue.items()
        if waiting
    }


def _point(  # noqa: PLR0917  # in the order in which one reads them
    namespace: str, name: str, dimensions: Mapping[str, str], unit: str, at: float, value: float
) -> Point:
    pairs = tuple(sorted(dimensions.items()))
    return Point(
        namespace=namespace, name=name, dimensions=pairs, unit=unit, at=int(at), value=value
    )
