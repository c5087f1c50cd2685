"""Work the backlog off: wait until the outbox and the queue of notifications are empty.

Where AWS may be called, the relay is run every few seconds, so that the outbox does not wait for
its schedule; who may not call it waits for that. With no stack named, only the outbox is looked at.

Exit codes: 0 both are empty; 1 they were not within --seconds; 2 a store or AWS does not answer.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops import outbox, queues, stores
from ops.queues import Account
from ops.telling import answer, say

SECONDS = 600
EVERY = 2.0
RELAY_EVERY = 6.0
_RELAY = "relay-outbox"
_SURE = 2
"""So many looks in a row must find nothing: SQS counts from several places, and not at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits: events to be sent to the queue, messages on it, and those at the sender."""

    outbox: int
    queued: int | None
    sending: int | None

    @property
    def total(self) -> int:
        return self.outbox + (self.queued or 0) + (self.sending or 0)

    @property
    def told(self) -> str:
        if self.queued is None:
            return f"outbox {self.outbox:,}; the queue is not looked at"
        return f"outbox {self.outbox:,}, queue {self.queued:,}, being sent {self.sending:,}"


Look = Callable[[], Backlog]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, metavar="S", help="default: %(default)s"
    )
    parser.add_argument("--dry-run", action="store_true", help="look once, and run no relay")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    stores.add_arguments(parser)
    queues.add_stack_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.seconds < 0:
        raise stores.OpsError("--seconds is not less than 0")
    account = queues.account(arguments) if arguments.stack_name or arguments.stack else None
    with stores.opened(stores.named(arguments)) as (database, _), queues.answering():
        queue = Queue(account) if account else None
        left = drained(
            lambda: _look(outbox.unsent(database), queue),
            Relay(account) if account and not arguments.dry_run else None,
            seconds=0 if arguments.dry_run else arguments.seconds,
        )
    told = {"outbox": left.outbox, "queued": left.queued, "sending": left.sending}
    answer(told, as_json=arguments.json, line=left.told)
    return 1 if left.total else 0


def drained(
    look: Look,
    relay: Callable[[], None] | None,
    *,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Backlog:
    """What is left when all is empty or the time is up."""
    began = clock()
    relay_at = began
    most = empty = 0
    while True:
        left = look()
        most = max(most, left.total)
        empty = 0 if left.total else empty + 1
        took = clock() - began
        if empty >= _SURE or took >= seconds:
            return left
        if left.outbox and relay and clock() >= relay_at:
            relay()
            relay_at = clock() + RELAY_EVERY
        if left.total:
            done = most - left.total
            rest = f"; about {left.total * took / done:.0f} s to go" if done and took else ""
            say(f"{left.told}{rest}")
        sleep(min(EVERY, max(0.0, seconds - took)))


class Queue:
    """The queue of notifications."""

    def __init__(self, account: Account):
        self._sqs: Any = account.client("sqs")
        name = f"{account.stack}-notifications"
        self._url = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def counted(self) -> tuple[int, int]:
        """Messages that wait, and those that somebody is sending."""
        names = ("", "Delayed", "NotVisible")
        wanted = [f"ApproximateNumberOfMessages{name}" for name in names]
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=wanted)
        waiting, delayed, sending = (int(found["Attributes"].get(one, 0)) for one in wanted)
        return waiting + delayed, sending


class Relay:
    """The function that moves events from the outbox to the queue; whoever may not run it waits."""

    def __init__(self, account: Account):
        self._lambda: Any = account.client("lambda")
        self._name = f"{account.stack}-{_RELAY}"
        self._is_refused = False

    def __call__(self) -> None:
        if self._is_refused:
            return
        try:
            queues.invoke(self._lambda, self._name)
        except (ClientError, BotoCoreError) as error:
            self._is_refused = True
            say(f"the relay cannot be run from here ({type(error).__name__}): its schedule does")


def _look(unsent: int, queue: Queue | None) -> Backlog:
    if queue is None:
        return Backlog(outbox=unsent, queued=None, sending=None)
    queued, sending = queue.counted()
    return Backlog(outbox=unsent, queued=queued, sending=sending)
