from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends
from moto.sns.models import sns_backends

from slotkeeper.adapters.aws.client import connect
from slotkeeper.adapters.aws.notifier import AwsNotifier
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.user import Channel

SENDER = "clinic@example.org"


class FakeAws:
    """Clients of both services that note what they are asked and may fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[dict[str, Any]] = []
        self.connected: list[str] = []

    def connect(self, service: str) -> FakeAws:
        self.connected.append(service)
        return self

    def publish(self, **parameters: Any) -> dict[str, str]:
        return self._answer(parameters)

    def send_email(self, **parameters: Any) -> dict[str, str]:
        return self._answer(parameters)

    def _answer(self, parameters: dict[str, Any]) -> dict[str, str]:
        if self.error:
            raise self.error
        self.asked.append(parameters)
        return {"MessageId": "message-1"}


def notifier(connect_: Any = connect, provider: str = "sns") -> AwsNotifier:
    return AwsNotifier(connect_, sms_provider=provider, email_from=SENDER)


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "+15550100 opted out"}}, "Publish")


def test_sms_is_handed_to_sns(aws: str) -> None:
    message_id = notifier().send(Channel.SMS, "+15550100", "Your code", "123456 is your code")

    sent = sns_backends[DEFAULT_ACCOUNT_ID][aws].sms_messages
    assert sent == {message_id: ("+15550100", "123456 is your code")}


def test_email_is_handed_to_ses(aws: str) -> None:
    connect("sesv2").create_email_identity(EmailIdentity=SENDER)

    message_id = notifier().send(Channel.EMAIL, "alice@example.org", "Your code", "123456")

    [sent] = ses_backends[DEFAULT_ACCOUNT_ID][aws].sent_messages
    assert (sent.id, sent.source, sent.subject, sent.body) == (
        message_id,
        SENDER,
        "Your code",
        "123456",
    )
    assert sent.destinations["ToAddresses"] == ["alice@example.org"]


def test_sms_is_sent_as_transactional() -> None:
    fake = FakeAws()

    notifier(fake.connect).send(Channel.SMS, "+15550100", "", "text")

    [asked] = fake.asked
    kind = asked["MessageAttributes"]["AWS.SNS.SMS.SMSType"]
    assert kind == {"DataType": "String", "StringValue": "Transactional"}


def test_each_service_is_connected_only_when_it_is_used() -> None:
    fake = FakeAws()

    notifier(fake.connect).send(Channel.EMAIL, "alice@example.org", "", "text")

    assert fake.connected == ["sesv2"]


def test_sms_that_is_switched_off_is_unavailable_without_a_call() -> None:
    fake = FakeAws()

    with pytest.raises(Unavailable):
        notifier(fake.connect, provider="none").send(Channel.SMS, "+15550100", "", "text")

    assert fake.connected == []


def test_email_is_sent_though_sms_is_switched_off() -> None:
    fake = FakeAws()

    message_id = notifier(fake.connect, provider="none").send(
        Channel.EMAIL, "alice@example.org", "", "text"
    )

    assert message_id == "message-1"


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize(
    "error",
    [
        client_error("OptedOut"),
        client_error("Throttling"),
        client_error("MessageRejected"),
        EndpointConnectionError(endpoint_url="https://sns.example.org"),
    ],
)
def test_provider_that_refuses_or_does_not_answer_is_unavailable(
    channel: Channel, error: Exception
) -> None:
    fake = FakeAws(error)

    with pytest.raises(Unavailable) as refused:
        notifier(fake.connect).send(channel, "somebody", "", "text")

    assert "+15550100" not in str(refused.value)


def test_email_from_a_sender_that_is_not_verified_is_unavailable(aws: str) -> None:
    with pytest.raises(Unavailable):
        notifier().send(Channel.EMAIL, "alice@example.org", "Your code", "123456")
