"""Wait until everything that is to be told has been told: outbox and notification queue are empty.

While events wait, the relay is called every few seconds, as it is after each booking. Run it after
an outage, or before a region is given up. Exit codes: 0 both are empty; 1 they are not in time; 2 a
store or AWS does not answer.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ops import queues, stores
from ops.outbox import waiting
from ops.queues import answering

WAKE_SECONDS = 5
LOOK_SECONDS = 1.0
_WAITING = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True, slots=True)
class Left:
    """What is still to be told."""

    outbox: int
    queue: int

    @property
    def is_none(self) -> bool:
        return not self.outbox and not self.queue


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=int, default=300, metavar="N", help="wait no longer")
    parser.add_argument("--dry-run", action="store_true", help="only say what is left")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    stores.add_arguments(parser)
    queues.add_stack_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.seconds < 1:
        raise stores.OpsError("--seconds is at least 1")
    account = queues.account(arguments)
    with stores.opened(stores.named(arguments)) as (database, _), answering():
        sqs: Any = account.client("sqs")
        functions: Any = account.client("lambda")
        url = sqs.get_queue_url(QueueName=f"{account.stack}-notifications")["QueueUrl"]

        def look() -> Left:
            told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_WAITING))
            in_queue = sum(int(told["Attributes"][name]) for name in _WAITING)
            return Left(waiting(database).unsent, in_queue)

        def wake() -> None:
            name = f"{account.stack}-relay-outbox"
            functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")

        left = look() if arguments.dry_run else drained(look, wake, seconds=arguments.seconds)
    if arguments.json:
        print(json.dumps(asdict(left)))
    else:
        print(f"outbox {left.outbox}, queue {left.queue}: {'empty' if left.is_none else 'left'}")
    return 0 if left.is_none else 1


def drained(
    look: Callable[[], Left],
    wake: Callable[[], None],
    *,
    seconds: float,
    now: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> Left:
    """What is left once nothing is, or `seconds` are over."""
    ends_at, woken_at = now() + seconds, float("-inf")
    while True:
        left = look()
        print(f"outbox {left.outbox}, queue {left.queue} ...", file=sys.stderr)
        if left.is_none or now() >= ends_at:
            return left
        if left.outbox and now() - woken_at >= WAKE_SECONDS:
            wake()
            woken_at = now()
        wait(LOOK_SECONDS)
