from __future__ import annotations

import pytest

from functions.send_notification.app import lambda_handler
from tests.support.aws_events import Context, sqs_event


def test_empty_batch_is_done() -> None:
    assert lambda_handler(sqs_event(), Context()) == {"batchItemFailures": []}


@pytest.mark.parametrize(
    "body", ["", "not json", "{}", '{"kind": "otp.send", "v": 2}', "[" * 9_999]
)
def test_message_that_is_not_ours_is_delivered_again_until_it_is_set_aside(body: str) -> None:
    answer = lambda_handler(sqs_event(body), Context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
