from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.stub import Stubber
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends
from moto.sns.models import sns_backends

from slotkeeper.adapters.aws.client import connect
from slotkeeper.adapters.aws.providers import EumSms, SesEmail, SnsSms
from slotkeeper.domain.errors import Unavailable
from slotkeeper.ports.notifications import AddressRefused, MaybeSent, Provider

SENDER = "clinic@example.org"
URL = "https://provider.example.org"


class FakeAws:
    """Clients of all services that note what they are asked and may fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[dict[str, Any]] = []
        self.connected: list[str] = []

    def connect(self, service: str) -> FakeAws:
        self.connected.append(service)
        return self

    def publish(self, **parameters: Any) -> dict[str, str]:
        return self._answer(parameters)

    def send_text_message(self, **parameters: Any) -> dict[str, str]:
        return self._answer(parameters)

    def send_email(self, **parameters: Any) -> dict[str, str]:
        return self._answer(parameters)

    def _answer(self, parameters: dict[str, Any]) -> dict[str, str]:
        if self.error:
            raise self.error
        self.asked.append(parameters)
        return {"MessageId": "message-1"}


def client_error(code: str, status: int = 400) -> ClientError:
    told: Any = {  # as much of it as is read
        "Error": {"Code": code, "Message": "+15550100 opted out"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(told, "Publish")


def providers(aws: FakeAws) -> dict[str, Provider]:
    made: list[Provider] = [
        SnsSms(aws.connect),
        EumSms(aws.connect, sender=""),
        SesEmail(aws.connect, sender=SENDER),
    ]
    return {one.name: one for one in made}


def test_sms_is_handed_to_sns(aws: str) -> None:
    message_id = SnsSms(connect).send("+15550100", "Your code", "123456 is your code")

    sent = sns_backends[DEFAULT_ACCOUNT_ID][aws].sms_messages
    assert sent == {message_id: ("+15550100", "123456 is your code")}


def test_email_is_handed_to_ses(aws: str) -> None:
    connect("sesv2").create_email_identity(EmailIdentity=SENDER)

    message_id = SesEmail(connect, sender=SENDER).send("alice@example.org", "Your code", "123456")

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

    SnsSms(fake.connect).send("+15550100", "", "text")

    [asked] = fake.asked
    kind = asked["MessageAttributes"]["AWS.SNS.SMS.SMSType"]
    assert kind == {"DataType": "String", "StringValue": "Transactional"}


@pytest.mark.parametrize("sender", ["", "+15550999"])
def test_sms_is_handed_to_end_user_messaging(aws: str, sender: str) -> None:
    client = connect("pinpoint-sms-voice-v2")
    asked = {
        "DestinationPhoneNumber": "+15550100",
        "MessageBody": "123456 is your code",
        "MessageType": "TRANSACTIONAL",
        **({"OriginationIdentity": sender} if sender else {}),
    }

    with Stubber(client) as stub:  # by the service's own model of requests and answers
        stub.add_response("send_text_message", {"MessageId": "message-1"}, asked)
        message_id = EumSms(lambda _: client, sender=sender).send(
            "+15550100", "Your code", "123456 is your code"
        )

    assert message_id == "message-1"


@pytest.mark.parametrize(
    ("code", "reason", "raised"),
    [
        ("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT", AddressRefused),
        ("ValidationException", "INVALID_PARAMETER", AddressRefused),
        ("ServiceQuotaExceededException", "DAILY_DESTINATION_CALL_LIMIT", AddressRefused),
        ("ServiceQuotaExceededException", "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT", Unavailable),
        ("ConflictException", "NO_ORIGINATION_IDENTITIES_FOUND", Unavailable),
        ("AccessDeniedException", "ACCOUNT_DISABLED", Unavailable),
    ],
)
def test_end_user_messaging_is_understood_by_its_reasons(
    aws: str, code: str, reason: str, raised: type[Exception]
) -> None:
    client = connect("pinpoint-sms-voice-v2")

    stub = Stubber(client)
    stub.add_client_error(
        "send_text_message",
        code,
        modeled_fields={"Reason": reason, "Message": "+15550100"},
        http_status_code=400,
    )
    stub.activate()

    with pytest.raises(raised) as refused:
        EumSms(lambda _: client, sender="").send("+15550100", "", "text")

    assert not isinstance(refused.value, MaybeSent)
    assert "+15550100" not in str(refused.value)


def test_service_is_connected_when_it_is_used_and_no_other() -> None:
    fake = FakeAws()

    made = providers(fake)
    assert fake.connected == []
    made["ses"].send("alice@example.org", "", "text")

    assert fake.connected == ["sesv2"]


@pytest.mark.parametrize(
    ("provider", "code"),
    [
        ("sns", "InvalidParameter"),
        ("sns", "InvalidParameterException"),
        ("sns", "ParameterValueInvalid"),
        ("sns", "OptedOut"),
        ("sns", "OptedOutException"),
        ("ses", "BadRequestException"),
        ("ses", "MessageRejected"),
    ],
)
def test_address_that_the_provider_sends_nothing_to_is_told_from_its_failure(
    provider: str, code: str
) -> None:
    fake = FakeAws(client_error(code))

    with pytest.raises(AddressRefused) as refused:
        providers(fake)[provider].send("somebody", "", "text")

    assert "+15550100" not in str(refused.value)


@pytest.mark.parametrize("provider", ["sns", "eum", "ses"])
@pytest.mark.parametrize(
    "error",
    [
        client_error("Throttling"),
        client_error("TooManyRequestsException", 429),
        client_error("AuthorizationError", 403),
        client_error("SendingPausedException"),
        client_error("AccountSuspendedException"),
        client_error("ServiceUnavailable", 503),
        EndpointConnectionError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        NoCredentialsError(),
    ],
)
def test_provider_that_surely_did_not_take_it_is_unavailable(
    provider: str, error: Exception
) -> None:
    fake = FakeAws(error)

    with pytest.raises(Unavailable) as refused:
        providers(fake)[provider].send("somebody", "", "text")

    assert not isinstance(refused.value, MaybeSent)
    assert "+15550100" not in str(refused.value)


@pytest.mark.parametrize("provider", ["sns", "eum", "ses"])
@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),
        client_error("InternalError", 500),
        client_error("GatewayTimeout", 504),
    ],
)
def test_provider_that_may_have_taken_it_is_told_apart(provider: str, error: Exception) -> None:
    fake = FakeAws(error)

    with pytest.raises(MaybeSent):
        providers(fake)[provider].send("somebody", "", "text")


def test_email_from_a_sender_that_is_not_verified_is_the_providers_failure(aws: str) -> None:
    with pytest.raises(Unavailable):
        SesEmail(connect, sender=SENDER).send("alice@example.org", "Your code", "123456")
