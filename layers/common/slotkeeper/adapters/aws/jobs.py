"""The notification queue, as those who put jobs on it see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slotkeeper.adapters.aws.client import call
from slotkeeper.contracts.messages import CodeMessage, EventMessage
from slotkeeper.domain.events import DomainEvent
from slotkeeper.ports import CodeJob

BATCH = 10
"""As many as SQS takes in one call."""


class SqsJobs:
    """`JobQueue` on one SQS queue."""

    def __init__(self, sqs: Any, queue_url: str):  # Any: generated client type
        self._sqs = sqs
        self._queue_url = queue_url

    def send_code(self, job: CodeJob) -> None:
        body = CodeMessage.model_validate(job).model_dump_json(by_alias=True)
        with call():
            self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=body)

    def send_events(self, events: Sequence[DomainEvent]) -> Sequence[DomainEvent]:
        taken: list[DomainEvent] = []
        for start in range(0, len(events), BATCH):
            batch = events[start : start + BATCH]
            with call():
                answer = self._sqs.send_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=[
                        {
                            "Id": str(number),
                            "MessageBody": EventMessage.model_validate(event).model_dump_json(
                                by_alias=True
                            ),
                        }
                        for number, event in enumerate(batch)
                    ],
                )
            taken += [batch[int(entry["Id"])] for entry in answer.get("Successful", [])]
        return taken
