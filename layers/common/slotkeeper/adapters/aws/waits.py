"""Messages that come back later than by themselves."""

from __future__ import annotations

from typing import Any

from slotkeeper.adapters.aws.client import call


class SqsWaits:
    """Of the notification queue's messages that are being handled."""

    def __init__(self, sqs: Any, queue_url: str):  # Any: generated client type
        self._sqs = sqs
        self._queue_url = queue_url

    def postpone(self, receipt: str, seconds: int) -> None:
        """Have the message come back after so many seconds from now, if it is not done.

        Raises:
            Unavailable: it comes back after what the queue says, as any other.
        """
        with call():
            self._sqs.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=receipt, VisibilityTimeout=seconds
            )
