"""Messages that failed for good: shown without what they hold, and brought back once it is mended.

A message is sent first and deleted then: a redrive that is cut off may bring one back twice, which
does no harm, since notices are told by their event and codes by their number. What is not ours
stays where it is, unless --all.

Exit codes: 0 done; 1 something was left behind; 2 AWS does not answer, or no such queue.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from ops import queues
from ops.letters import Describe, Letter, function_of, letter_of, notification, scheduled
from ops.queues import Account, answering
from ops.stores import OpsError

BATCH = 10
HIDDEN_SECONDS = 120
"""How long a message is kept from other readers while it is looked at or moved."""
MOST = 10_000

Send = Callable[[Letter], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["show", "redrive"])
    parser.add_argument("--queue", choices=["notifications", "schedules"], default="notifications")
    parser.add_argument(
        "--limit", type=int, default=MOST, metavar="N", help="not more than so many"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be brought back")
    parser.add_argument("--all", action="store_true", help="also what is not ours")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    queues.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.limit < 1:
        raise OpsError("--limit is at least 1")
    account = queues.account(arguments)
    with answering():
        letters = DeadLetters(account, arguments.queue)
        if arguments.action == "show":
            return _show(letters, arguments)
        return _redrive(letters, account, arguments)


class DeadLetters:
    """A dead letter queue, read without taking anything off it unless told to."""

    def __init__(self, account: Account, queue: str):
        self._sqs = account.client("sqs")
        name = f"{account.stack}-{queue}-dlq"
        self._url: str = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
        self._describe: Describe = (
            notification if queue == "notifications" else scheduled(account.stack)
        )
        self._looked_at: list[Letter] = []

    def read(self, limit: int) -> Iterator[Letter]:
        """The letters, each once; hidden from other readers until put back or deleted."""
        seen: set[str] = set()
        while len(seen) < limit:
            found = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(BATCH, limit - len(seen)),
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=1,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            fresh = [message for message in found if message["MessageId"] not in seen]
            if not fresh:
                return
            for message in fresh:
                seen.add(message["MessageId"])
                letter = letter_of(message, self._describe)
                self._looked_at.append(letter)
                yield letter

    def delete(self, letter: Letter) -> None:
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt)
        self._looked_at.remove(letter)

    def put_back(self) -> None:
        """Show others at once what was looked at and not deleted."""
        for start in range(0, len(self._looked_at), BATCH):
            some = self._looked_at[start : start + BATCH]
            self._sqs.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(n), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
                    for n, letter in enumerate(some)
                ],
            )
        self._looked_at.clear()


def _show(letters: DeadLetters, arguments: argparse.Namespace) -> int:
    kinds: Counter[str] = Counter()
    oldest = 0
    try:
        for letter in letters.read(arguments.limit):
            kinds[letter.kind] += 1
            oldest = max(oldest, letter.age_seconds)
            _tell(letter, as_json=arguments.json)
    finally:
        letters.put_back()
    of_each = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    told = f"{sum(kinds.values())} messages" + (f": {of_each}; oldest {oldest} s" if kinds else "")
    print(told, file=sys.stderr)
    return 0


def _redrive(letters: DeadLetters, account: Account, arguments: argparse.Namespace) -> int:
    send = _sender(account, arguments.queue)
    moved = left = 0
    try:
        for letter in letters.read(arguments.limit):
            if not (letter.is_ours or arguments.all):
                left += 1
                continue
            _tell(letter, as_json=arguments.json)
            if not arguments.dry_run:
                send(letter)
                letters.delete(letter)
            moved += 1
            if moved % 100 == 0:
                print(f"{moved} ...", file=sys.stderr)
    finally:
        letters.put_back()
        does = "would be brought back" if arguments.dry_run else "brought back"
        print(f"{moved} {does}, {left} left behind", file=sys.stderr)
    return 1 if left else 0


def _sender(account: Account, queue: str) -> Send:
    if queue == "notifications":
        sqs: Any = account.client("sqs")
        url = sqs.get_queue_url(QueueName=f"{account.stack}-notifications")["QueueUrl"]

        def send(letter: Letter) -> None:
            before = (letter.attributes.get("redriven") or {}).get("StringValue", "0")
            times = int(before) + 1 if before.isdecimal() else 1
            mark = {"redriven": {"DataType": "Number", "StringValue": str(times)}}
            attributes = {**letter.attributes, **mark}
            sqs.send_message(QueueUrl=url, MessageBody=letter.body, MessageAttributes=attributes)

        return send
    functions: Any = account.client("lambda")

    def run_again(letter: Letter) -> None:
        function = function_of(account.stack, letter.body, letter.attributes)
        if function is None:
            raise OpsError(f"message {letter.id} names no schedule of {account.stack}")
        functions.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")

    return run_again


def _tell(letter: Letter, *, as_json: bool) -> None:
    told = letter.told()
    if as_json:
        print(json.dumps(told))
        return
    about = " ".join(f"{name}={value}" for name, value in letter.ids.items())
    print(f"{letter.id}  {letter.kind}  {about}  {letter.age_seconds} s old")
