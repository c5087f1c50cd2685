from __future__ import annotations

import pytest

from slotkeeper.adapters.aws.client import connect
from slotkeeper.adapters.aws.waits import SqsWaits
from slotkeeper.domain.errors import Unavailable


def test_message_comes_back_when_it_is_told_to(aws: str) -> None:
    sqs = connect("sqs")
    url = sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "180"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="text")
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]

    SqsWaits(sqs, url).postpone(message["ReceiptHandle"], 0)

    [again] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert again["MessageId"] == message["MessageId"]


def test_message_that_is_not_being_handled_cannot_be_postponed(aws: str) -> None:
    sqs = connect("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]

    with pytest.raises(Unavailable):
        SqsWaits(sqs, url).postpone("no receipt", 30)
