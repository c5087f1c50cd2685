"""Patients' letter boxes, and consumers of the notification queue that fill them."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from slotkeeper.adapters.mongo.quotas import MongoCodeQuota
from slotkeeper.contracts.messages import EventMessage, Message
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.user import Channel
from slotkeeper.entrypoints.queue import process
from slotkeeper.services.send_notification import NoticeFate, Post, tell_event
from tests.support.aws_events import sqs_event
from tests.support.house import House


@dataclass
class LetterBox:
    """`Notifier`: what patients read, in order. `refuses` says which calls no provider takes."""

    refuses: Iterator[bool] = field(default_factory=lambda: itertools.cycle([False]))
    letters: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, channel: Channel, address: str, subject: str, text: str) -> str:
        with self.lock:
            if next(self.refuses):
                raise Unavailable
            self.letters.append(text)
            return f"message-{len(self.letters)}"

    def about(self, start: datetime) -> list[tuple[int, str]]:
        """Place and first words of the letters that name this time."""
        time = f"{start:%a %d %b %Y, %H:%M}"
        return [(place, _what(text)) for place, text in enumerate(self.letters) if time in text]


def _what(text: str) -> str:
    found = re.search(r"confirmed|moved|cancelled|given up|no longer stands", text)
    return found.group() if found else "?"


class Consumer:
    """The function behind the queue, on the house's stores."""

    def __init__(self, house: House, box: LetterBox) -> None:
        self._house = house
        self._quota = MongoCodeQuota(house.database, house.policy)
        self._post = Post(deliveries=house.deliveries, notifier=box, fallback_to_email=False)
        self.fates: list[NoticeFate] = []

    def take(self, events: Sequence[DomainEvent]) -> list[DomainEvent]:
        """Be given a batch; the events that come again."""
        bodies = [EventMessage.model_validate(e).model_dump_json(by_alias=True) for e in events]
        answer = process(sqs_event(*bodies), self._handle)
        failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        return [event for number, event in enumerate(events) if f"m{number}" in failed]

    def _handle(self, message: Message) -> None:
        assert isinstance(message, EventMessage)
        fate = tell_event(
            message.to_event(),
            ledger=self._house.ledger,
            users=self._house.users,
            quota=self._quota,
            post=self._post,
        )
        self.fates.append(fate)
