"""Coming to rest after faults: nobody lends a hand, one only waits and looks."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from chaos.findings import Finding
from chaos.ground import Ground
from chaos.history import Fate, History
from chaos.verdict import SWEEP
from local import aws, servers
from local.config import ENVIRONMENT, Config
from ops.check import check as check_invariants
from slotkeeper.adapters.mongo.documents import OUTBOX, SLOTS

HEALTHY_SECONDS = 60.0
QUIET_SECONDS = 300.0
"""A message that was being handled when its handler failed comes back after three minutes."""
LOOKS_EVERY_SECONDS = 1.0
SHORT_VISIBILITY = "25"
"""Seconds; a message is received five times, the last ones after a dead sender's lease."""
Tell = Callable[[str], None]


def come(ground: Ground, *, is_short: bool, tell: Tell) -> Iterator[Finding]:
    """Wait until the service is healthy, no hold is left and every message was delivered."""
    config, stack = ground.config, ground.stack
    for name in config.announced:
        ground.server(name).wait_ready()
    began = time.monotonic()
    if not _wait(lambda: _is_healthy(stack["api_url"]), HEALTHY_SECONDS):
        yield Finding("not_healthy", stack["api_url"], f"after {HEALTHY_SECONDS:.0f} s")
    tell(f"healthy after {time.monotonic() - began:.1f} s")
    with MongoClient[dict[str, Any]](config.mongo_uri, tz_aware=True) as client:
        database = client.get_default_database()
        stuck: dict[str, float] = {}

        def is_at_rest() -> bool:
            over = _holds_over(database)
            # A sweep that could not reach the database until now has a minute from now.
            if time.monotonic() - began > SWEEP.total_seconds():
                stuck.update((s, t) for s, t in over.items() if t > SWEEP.total_seconds())
            if is_short and over:
                _invoke(config, stack, "expire_locks")
            if is_short and database[OUTBOX].count_documents({"unsent": True}):
                _invoke(config, stack, "relay_outbox")
            return _is_quiet(config, stack, database)

        if not _wait(is_at_rest, QUIET_SECONDS):
            yield Finding("not_at_rest", stack["stack_name"], "holds, facts or messages are left")
    for slot, seconds in stuck.items():
        yield Finding("held_too_long", slot, f"{seconds:.0f} s too long")
    tell(f"at rest after {time.monotonic() - began:.1f} s")


def check(database: Database[dict[str, Any]]) -> Iterator[Finding]:
    """What the operator's checker says."""
    for found in check_invariants(database, None, environment=ENVIRONMENT, grace=timedelta(0)):
        yield Finding(f"checker:{found.rule}", found.about, f"invariant {found.invariant}")


def deadlines(config: Config, history: History) -> Iterator[Finding]:
    """Functions that were ended by the platform, and 503s that do not say when to come again."""
    yield from overruns(servers.emulator(config).log.read_text(errors="replace"))
    silent = [t for t in history.tries if t.fate is Fate.UNAVAILABLE and not t.retry_after]
    if silent:
        yield Finding("no_retry_after", silent[0].op, f"{len(silent)} answers")


def overruns(log: str) -> Iterator[Finding]:
    """Functions that the emulator says it ended at their time limit.

    Not those that had just been started: what a cold start takes here is this machine's doing.
    """
    started: dict[str, datetime] = {}
    for found in _LIFE.finditer(log):
        at = datetime.fromisoformat(found["at"])
        if found["spawned"] is not None:
            started[found["spawned"]] = at
            continue
        function, limit = found["ended"], timedelta(seconds=int(found["limit"]))
        if at - started.get(function, datetime.min) > limit + _STARTING:  # noqa: DTZ901  # as logged
            yield Finding("past_deadline", function, f"at {at:%H:%M:%S}")


_STARTING = timedelta(seconds=2)
_LIFE = re.compile(
    r"^(?P<at>[0-9]{4}-[0-9-]+ [0-9:]+) [A-Z]+ \[lambda_runtime\] Lambda "
    r"(?:worker spawned for (?P<spawned>\S+)|(?P<ended>\S+) timed out after (?P<limit>[0-9]+)s)",
    re.MULTILINE,
)


def longest_invocations(config: Config, stack: dict[str, Any]) -> dict[str, float]:
    """By function, the seconds that its longest invocation took, by its own log."""
    logs = aws.client(config, "logs")
    longest: dict[str, float] = {}
    for name, function in stack["functions"].items():
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{function}", filterPattern='"invocation.completed"'
        )
        took = [_DURATION.search(event["message"]) for page in pages for event in page["events"]]
        longest[name] = max((float(found[1]) / 1000 for found in took if found), default=0.0)
    return longest


_DURATION = re.compile(r'"invocation\.completed".*"durationMs": ?([0-9.]+)')


def have_messages_come_back_soon(config: Config, stack: dict[str, Any]) -> None:
    """For a run that does not wait three minutes for those that failed."""
    aws.client(config, "sqs").set_queue_attributes(
        QueueUrl=stack["notification_queue_url"],
        Attributes={"VisibilityTimeout": SHORT_VISIBILITY},
    )


def _wait(is_so: Callable[[], bool], seconds: float) -> bool:
    ends_at = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > ends_at:
            return False
        time.sleep(LOOKS_EVERY_SECONDS)
    return True


def _is_healthy(api_url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{api_url}/health", timeout=10) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


def _holds_over(database: Database[dict[str, Any]]) -> dict[str, float]:
    """The slots still reserved for a hold that is over, and for how many seconds it is."""
    over = {"status": "reserved", "$expr": {"$lte": ["$hold.expiresAt", "$$NOW"]}}
    since = {"$divide": [{"$subtract": ["$$NOW", "$hold.expiresAt"]}, 1000]}
    return {
        slot["_id"]: float(slot["since"]) for slot in database[SLOTS].find(over, {"since": since})
    }


def _is_quiet(config: Config, stack: dict[str, Any], database: Database[dict[str, Any]]) -> bool:
    """No fact is waiting to be recorded, no event to be relayed, no message to be handled."""
    waiting = database[SLOTS].count_documents({"pendingEvents": {"$exists": True}}) + database[
        OUTBOX
    ].count_documents({"unsent": True})
    if waiting:
        return False
    counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    answer = aws.client(config, "sqs").get_queue_attributes(
        QueueUrl=stack["notification_queue_url"], AttributeNames=list(counts)
    )
    return not any(int(answer["Attributes"].get(name, 0)) for name in counts)


def _invoke(config: Config, stack: dict[str, Any], function: str) -> None:
    aws.client(config, "lambda").invoke(
        FunctionName=stack["functions"][function], Payload=json.dumps({}).encode()
    )
