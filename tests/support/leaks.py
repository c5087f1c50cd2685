"""Everything that a running system has written, and what of it a planted value was found in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError
from pymongo.database import Database
from redis import Redis

from local import aws
from local.config import ENVIRONMENT, STACK, Config
from slotkeeper.contracts.messages import parse_message
from tests.support.inventory import fields_of, may_hold, redis_kind

NOWHERE = "nowhere"
NOT_OURS = "message of somebody else"
"""What the system did not write, and must not write on."""
_SENT = re.compile(r"INFO \[(sns|ses|ses-v2|cognito)\] ")
"""The emulator's word of what it delivered, and of who logged in: here it is the patient's phone,
and the identity provider."""
_SECTIONS = {"mongo": "MongoDB", "redis": "Redis", "message": "Messages", "log": "Logs"}


@dataclass(frozen=True)
class Planted:
    """A value that is nowhere else, and what kind of value it is in the inventory's words."""

    value: str
    kind: str = NOWHERE
    also: frozenset[str] = frozenset()
    """Places where it may be besides."""

    @property
    def pattern(self) -> re.Pattern[str]:
        """The value, also as it is in a URL; digits where no more digits or letters are."""
        if self.value.isdecimal():
            return re.compile(rf"(?<![\w-])(?<!\d\.){self.value}(?!\.\d)(?![\w-])")
        forms = {self.value, quote(self.value, safe=""), self.value.removeprefix("+")}
        return re.compile("|".join(re.escape(form) for form in sorted(forms)))

    @property
    def allowed(self) -> set[str]:
        if self.kind == NOWHERE:
            return {NOT_OURS, *self.also}
        places = (
            f"{place} {name}"
            for place, section in _SECTIONS.items()
            for name in may_hold(section, self.kind)
        )
        return {NOT_OURS, *places, *self.also}


@dataclass
class Written:
    """Texts by the place they were found in."""

    by_place: dict[str, list[str]] = field(default_factory=dict)

    def add(self, place: str, *texts: object) -> None:
        self.by_place.setdefault(place, []).extend(map(str, texts))

    def places_of(self, planted: Planted) -> set[str]:
        pattern = planted.pattern
        return {
            place
            for place, texts in self.by_place.items()
            if any(pattern.search(text) for text in texts)
        }

    def leaks(self, planted: Iterable[Planted]) -> list[str]:
        """Where each value is and may not be, without the value."""
        return sorted(
            f"no. {number} ({one.kind}) in {place}"
            for number, one in enumerate(planted)
            for place in self.places_of(one) - one.allowed
        )


def written(
    config: Config,
    stack: Mapping[str, Any],
    database: Database[dict[str, Any]],
    redis: Redis,
    *,
    since_ms: int,
    file_ends: Mapping[Path, int],
) -> Written:
    """Stores and queues as they are, logs from then on."""
    found = Written()
    for name in database.list_collection_names():
        for document in database[name].find():
            for path, values in fields_of(document, name).items():
                found.add(f"mongo {path}", *values)
    for key in redis.scan_iter("*"):
        kind = redis_kind(str(key).removeprefix(f"{ENVIRONMENT}:"))
        found.add(f"redis {kind}", key, _value(redis, str(key)))
    for body in _messages(config, stack):
        _add_message(found, body)
    for line in _log_lines(config, since_ms):
        _add_line(found, line)
    for file, end in file_ends.items():
        with file.open("rb") as log:
            log.seek(end)
            text = log.read().decode(errors="replace")
        found.add(f"file {file.name}", *(t for t in text.splitlines() if not _SENT.search(t)))
    return found


def log_files(config: Config) -> dict[Path, int]:
    """The servers' own logs, and where they end now.

    Not MongoDB's, which quotes slow and failing statements: that is its operator's to redact.
    """
    logs = sorted(config.state.rglob("*.log"))
    return {path: path.stat().st_size for path in logs if not path.name.startswith("mongod")}


def _value(redis: Redis, key: str) -> object:
    match str(redis.type(key)):
        case "hash":
            return redis.hgetall(key)
        case "zset":
            return redis.zrange(key, 0, -1)
        case "string":
            return redis.get(key)
    return ""


def _messages(config: Config, stack: Mapping[str, Any]) -> Iterator[str]:
    """Bodies and attributes of all that waits, which stays where it is."""
    sqs = aws.client(config, "sqs")
    schedules = sqs.get_queue_url(QueueName=f"{stack['stack_name']}-schedules-dlq")["QueueUrl"]
    urls = (stack["notification_queue_url"], stack["notification_dlq_url"], schedules)
    for url in urls:
        seen: dict[str, Any] = {}
        for _ in range(100):
            answer = sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=5,
                MessageAttributeNames=["All"],
            )
            fresh = [m for m in answer.get("Messages", []) if m["MessageId"] not in seen]
            if not fresh:
                break
            seen |= {message["MessageId"]: message for message in fresh}
        for message in seen.values():
            sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
            yield message["Body"]
            if message.get("MessageAttributes"):
                yield json.dumps({"attributes": message["MessageAttributes"]})


def _add_message(found: Written, body: str) -> None:
    try:
        kind = parse_message(body).kind
    except ValidationError:
        found.add(NOT_OURS, body)
        return
    for name, value in json.loads(body).items():
        found.add(f"message {kind}.{name}", value)


def _log_lines(config: Config, since_ms: int) -> Iterator[str]:
    logs = aws.client(config, "logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{STACK}-")["logGroups"]
    for group in groups:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group["logGroupName"], startTime=since_ms
        )
        for page in pages:
            yield from (event["message"] for event in page["events"])


def _add_line(found: Written, line: str) -> None:
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        found.add("log (no line of ours)", line)
    elif "_aws" in told:
        found.add("metric", line)
    else:
        for name, value in told.items():
            found.add(f"log {name}", value)


def others_in(answers: Sequence[str], planted: Iterable[Planted]) -> list[int]:
    """Which of the values are in an answer to somebody whose they are not."""
    patterns = [one.pattern for one in planted]
    return [n for n, pattern in enumerate(patterns) if any(map(pattern.search, answers))]
