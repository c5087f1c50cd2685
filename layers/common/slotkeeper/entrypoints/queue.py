"""SQS: a batch in which each record stands for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from pydantic import ValidationError

from slotkeeper import asides, tracing
from slotkeeper.contracts.messages import Message, parse_message, what_is_wrong
from slotkeeper.domain.errors import Corrupted, Unavailable
from slotkeeper.entrypoints.observability import count, count_by, logger
from slotkeeper.ports.notifications import NobodyAsked

Record = Mapping[str, Any]  # Any: free JSON
Postpone = Callable[[str, int], None]
"""Have the message of this receipt come back after so many seconds."""
UNREADABLE = "unreadable"
WAITS = (30, 120, 480, 1920)
"""Seconds until a message that no provider was asked for comes back, by how often it was received:
soon while a code is good, and few of its five receives in an outage of half an hour."""


def process(
    event: dict[str, Any], handle: Callable[[Message], None], postpone: Postpone | None = None
) -> dict[str, Any]:
    """Handle every record; answer those to be delivered again (ReportBatchItemFailures).

    A record that is not ours (or not of our version) fails too: after its last delivery SQS sets it
    aside in the DLQ, whence `python -m ops dlq redrive` brings it back.
    """
    failed = []
    for record in event["Records"]:
        with _in_its_trace(record) as span:
            is_handled = _is_handled(record, handle, postpone)
            if not is_handled:
                span.failed("not handled")
        if not is_handled:
            failed.append(record["messageId"])
        elif _was_redriven(record):
            count("messages_redriven_total")
    return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failed]}


def _is_handled(
    record: Record, handle: Callable[[Message], None], postpone: Postpone | None
) -> bool:
    known = {"messageId": record["messageId"], "receives": _receives(record)}
    kind = UNREADABLE
    # What goes wrong is told by type and place only: messages of errors quote what they refuse.
    try:
        message = parse_message(record["body"])
        kind = message.kind
        known |= (ids := _ids_of(message))
        tracing.identify(ids)
        with logger.append_context_keys(**ids):
            handle(message)
    except Unavailable as error:
        if isinstance(error, NobodyAsked) and postpone is not None:
            _let_wait(record, postpone)
        logger.warning("message.retry", kind=kind, **known)
        count_by("messages_failed_total", kind=kind, reason="unavailable")
    except ValidationError as error:
        logger.error("message.unreadable", why=what_is_wrong(error), **known)
        count_by("messages_failed_total", kind=kind, reason="unreadable")
    except Corrupted as error:
        asides.note(asides.Aside(error.collection, error.id, error.why))
        logger.error("message.failed", kind=kind, errorType="Corrupted", **known)
        count_by("messages_failed_total", kind=kind, reason="corrupted")
    except Exception as error:  # noqa: BLE001  # one bad record must not fail its batch
        logger.error("message.failed", kind=kind, errorType=type(error).__name__, **known)
        count_by("messages_failed_total", kind=kind, reason="error")
    else:
        return True
    return False


def _let_wait(record: Record, postpone: Postpone) -> None:
    """The first time briefly, then longer; the last one goes to the DLQ as any other."""
    receives = _receives(record) or "1"
    number = int(receives) if receives.isdecimal() else 1
    if 1 <= number <= len(WAITS):
        with suppress(Unavailable):
            postpone(record["receiptHandle"], WAITS[number - 1])


def _ids_of(message: Message) -> Mapping[str, str]:
    """What the message is about, and the request that it comes from, for the lines about it."""
    ids = {
        "causedBy": message.request_id,
        "attemptId": message.attempt_id,
        "slotId": message.slot_id,
    }
    booking_id = getattr(message, "booking_id", None)
    return ids if booking_id is None else {**ids, "bookingId": booking_id}


@contextmanager
def _in_its_trace(record: Record) -> Iterator[tracing.Span]:
    """A part of the trace of the request that the record comes from, as its lines tell."""
    carried = (record.get("messageAttributes") or {}).get(tracing.TRACEPARENT) or {}
    attributes = {
        "messaging.system": "aws_sqs",
        "messaging.operation.name": "process",
        "messaging.destination.name": str(record.get("eventSourceARN")).rpartition(":")[2],
    }
    cause = tracing.valid(carried.get("stringValue"))
    batch = tracing.current()
    with tracing.start("process", "consumer", attributes, parent=cause, links=[batch]) as span:
        _tell_trace()
        yield span
    _tell_trace()


def _tell_trace() -> None:
    if trace_id := tracing.trace_id_of(tracing.current()):
        logger.append_keys(traceId=trace_id)


def _receives(record: Record) -> str | None:
    found = (record.get("attributes") or {}).get("ApproximateReceiveCount")
    return None if found is None else str(found)


def _was_redriven(record: Record) -> bool:
    return "redriven" in (record.get("messageAttributes") or {})
