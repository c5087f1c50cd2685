"""SQS: a batch in which each record stands for itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slotkeeper.contracts.messages import Message, parse_message
from slotkeeper.domain.errors import Unavailable
from slotkeeper.entrypoints.observability import logger


def process(event: dict[str, Any], handle: Callable[[Message], None]) -> dict[str, Any]:
    """Handle every record; answer those to be delivered again (ReportBatchItemFailures).

    A record that is not ours fails too: after its last delivery SQS sets it aside in the DLQ.
    """
    failed = []
    for record in event["Records"]:
        try:
            handle(parse_message(record["body"]))
        except Unavailable:
            logger.warning("message.retry", messageId=record["messageId"])
            failed.append(record["messageId"])
        except Exception as error:  # noqa: BLE001  # one bad record must not fail its batch
            # The type only: messages of validation errors quote what they refuse.
            logger.error(
                "message.failed", messageId=record["messageId"], errorType=type(error).__name__
            )
            failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failed]}
