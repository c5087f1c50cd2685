"""Messages of a dead letter queue: what they are, told by kinds and ids; where they came from."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from slotkeeper.contracts.messages import CodeMessage, parse_message, what_is_wrong

SCHEDULED = ("expire-locks", "relay-outbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message; `ids` name what it is about, nobody's address and nothing else it holds."""

    id: str
    receipt: str
    kind: str
    is_ours: bool
    ids: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    age_seconds: int
    receives: int
    body: str = field(repr=False)
    attributes: Mapping[str, Any] = field(repr=False)  # Any: as SQS has them

    def told(self) -> dict[str, Any]:
        about = {"kind": self.kind, "isOurs": self.is_ours, **self.ids}
        return {
            "id": self.id,
            **about,
            "ageSeconds": self.age_seconds,
            "receives": self.receives,
        }


Described = tuple[str, bool, dict[str, Any]]
Describe = Callable[[str, Mapping[str, Any]], Described]


def letter_of(message: Mapping[str, Any], describe: Describe) -> Letter:
    """The letter that SQS handed out."""
    attributes = message.get("MessageAttributes") or {}
    kind, is_ours, ids = describe(message["Body"], attributes)
    known = message.get("Attributes") or {}
    sent_ms = int(known.get("SentTimestamp", 0))
    return Letter(
        id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        kind=kind,
        is_ours=is_ours,
        ids=ids,
        age_seconds=max(0, int(time.time() - sent_ms / 1000)),
        receives=int(known.get("ApproximateReceiveCount", 0)),
        body=message["Body"],
        attributes=attributes,
    )


def notification(body: str, _: Mapping[str, Any]) -> Described:
    """What a job of the notification queue is."""
    try:
        message = parse_message(body)
    except ValidationError as error:
        kind = "of a later version" if _is_later(body) else "unreadable"
        return kind, False, {"why": what_is_wrong(error)}
    if isinstance(message, CodeMessage):
        return message.kind, True, {"attemptId": message.attempt_id}
    ids = {"eventId": message.id, "type": message.type, "bookingId": message.booking_id}
    return message.kind, True, ids


def scheduled(stack: str) -> Describe:
    """What a run of one of the stack's schedules is, that failed or never began."""

    def describe(body: str, attributes: Mapping[str, Any]) -> Described:
        function = function_of(stack, body, attributes)
        if function is None:
            return "unreadable", False, {}
        return "schedule", True, {"function": function}

    return describe


def function_of(stack: str, body: str, attributes: Mapping[str, Any]) -> str | None:
    """The scheduled function whose run this was.

    Lambda tells it in the body, EventBridge Scheduler in an attribute.
    """
    target = (attributes.get("TARGET_ARN") or {}).get("StringValue")
    try:
        told = json.loads(body)
        target = target or told["requestContext"]["functionArn"]
    except (ValueError, KeyError, TypeError):
        pass
    names = {f"{stack}-{name}" for name in SCHEDULED}
    parts = set(str(target).split(":"))
    return next(iter(sorted(names & parts)), None)


def _is_later(body: str) -> bool:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return False
    version = told.get("v") if isinstance(told, dict) else None
    return isinstance(version, int) and version > 1
