"""The notification queue, as those who put jobs on it see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slotkeeper import tracing
from slotkeeper.adapters.aws.client import call
from slotkeeper.contracts.messages import CodeMessage, EventMessage

if TYPE_CHECKING:
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.ports.notifications import CodeJob

BATCH = 10
"""As many as SQS takes in one call."""


class SqsJobs:
    """`JobQueue` on one SQS queue."""

    def __init__(self, sqs: Any, queue_url: str):  # Any: `Signed`, or a client
        self._sqs = sqs
        self._queue_url = queue_url

    def send_code(self, job: CodeJob) -> None:
        body = CodeMessage.model_validate(job).model_dump_json(by_alias=True)
        with self._sending() as span, call():
            self._sqs.send_message(
                QueueUrl=self._queue_url, MessageBody=body, **_carrying(span.traceparent)
            )

    def send_events(self, events: Sequence[DomainEvent]) -> Sequence[DomainEvent]:
        taken: list[DomainEvent] = []
        # What follows a refused event of the same aggregate waits, or it would overtake it.
        waiting: set[str] = set()
        for start in range(0, len(events), BATCH):
            batch = [e for e in events[start : start + BATCH] if e.aggregate_id not in waiting]
            refused = self._send_batch(batch)
            for number, event in enumerate(batch):
                if number in refused or event.aggregate_id in waiting:
                    waiting.add(event.aggregate_id)
                else:
                    taken.append(event)
        return taken

    def _send_batch(self, batch: Sequence[DomainEvent]) -> set[int]:
        """Places in the batch of the events that SQS refused."""
        if not batch:
            return set()
        bodies = [EventMessage.model_validate(e).model_dump_json(by_alias=True) for e in batch]
        # Each belongs to the request it comes from; all together, to the relay.
        with self._sending(count=len(batch)) as together:
            spans = [
                self._sending(parent=event.traceparent, link=together.traceparent)
                for event in batch
            ]
            refused = set(range(len(batch)))
            try:
                refused = self._refused(bodies, spans)
            finally:
                for number, span in enumerate(spans):
                    if number in refused:
                        span.failed("not sent")
                    span.end()
        return refused

    def _refused(self, bodies: Sequence[str], spans: Sequence[tracing.Span]) -> set[int]:
        with call():
            answer = self._sqs.send_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(n), "MessageBody": body, **_carrying(spans[n].traceparent)}
                    for n, body in enumerate(bodies)
                ],
            )
        return {int(entry["Id"]) for entry in answer.get("Failed", [])}

    def _sending(
        self, *, parent: str | None = None, link: str | None = None, count: int = 1
    ) -> tracing.Span:
        attributes: dict[str, tracing.Value] = {
            "messaging.system": "aws_sqs",
            "messaging.operation.name": "send",
            "messaging.destination.name": self._queue_url.rpartition("/")[2],
            "messaging.batch.message_count": count,
        }
        return tracing.start("send", "producer", attributes, parent=parent, links=[link])


def _carrying(traceparent: str | None) -> dict[str, Any]:
    """A message's attributes with the context of its trace; nothing where it has none."""
    if traceparent is None:
        return {}
    value = {"DataType": "String", "StringValue": traceparent}
    return {"MessageAttributes": {tracing.TRACEPARENT: value}}
