"""Providers of messages to people: SMS by SNS or AWS End User Messaging, email by SES.

A failure is told by its kind: of the address (nobody else is concerned, and asking again is of no
use), of the provider, or of neither side's knowing whether the message was taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from slotkeeper import tracing
from slotkeeper.domain.provider import EUM, SES, SNS
from slotkeeper.ports.notifications import AddressRefused, MaybeSent, NotTaken
from slotkeeper.value import Value

Connect = Callable[[str], Any]  # Any: each service has its own generated client type
_ERROR = 500
_OVERLOADED = 503
"""The one such answer that says the request was not carried out."""


class SnsSms:
    """`Provider` of SMS: Amazon SNS."""

    name = SNS
    _OF_ADDRESS = frozenset({"InvalidParameter", "ParameterValueInvalid", "OptedOut"})

    def __init__(self, connect: Connect):
        self._connect = connect

    def send(self, address: str, subject: str, text: str) -> str:  # noqa: ARG002  # has no subject
        with _sending(self.name, lambda told: told.code in self._OF_ADDRESS):
            answer = self._connect("sns").publish(
                PhoneNumber=address,
                Message=text,
                MessageAttributes={
                    "AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}
                },
            )
        return str(answer["MessageId"])


class EumSms:
    """`Provider` of SMS: AWS End User Messaging, from `sender` (empty: which it chooses)."""

    name = EUM
    _OF_ADDRESS = frozenset(
        {
            "DESTINATION_PHONE_NUMBER_OPTED_OUT",
            "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE",
            "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
            "DESTINATION_COUNTRY_BLOCKED",
            "COUNTRY_NOT_ENABLED",
            "INTERNATIONAL_SENDING_NOT_SUPPORTED",
            "DAILY_DESTINATION_CALL_LIMIT",
            "INVALID_PARAMETER",
        }
    )
    """Reasons that the provider gives."""

    def __init__(self, connect: Connect, *, sender: str):
        self._connect = connect
        self._sender = sender

    def send(self, address: str, subject: str, text: str) -> str:  # noqa: ARG002  # has no subject
        by = {"OriginationIdentity": self._sender} if self._sender else {}
        with _sending(self.name, lambda told: told.reason in self._OF_ADDRESS):
            answer = self._connect("pinpoint-sms-voice-v2").send_text_message(
                DestinationPhoneNumber=address,
                MessageBody=text,
                MessageType="TRANSACTIONAL",
                **by,
            )
        return str(answer["MessageId"])


class SesEmail:
    """`Provider` of email: Amazon SES."""

    name = SES

    def __init__(self, connect: Connect, *, sender: str):
        self._connect = connect
        self._sender = sender

    def send(self, address: str, subject: str, text: str) -> str:
        with _sending(self.name, _is_of_mailbox):
            answer = self._connect("sesv2").send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [address]},
                Content={
                    "Simple": {
                        "Subject": {"Data": subject, "Charset": "UTF-8"},
                        "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
                    }
                },
            )
        return str(answer["MessageId"])


class _Refusal(Value):
    """What a provider answered instead of an id."""

    code: str
    message: str
    reason: str
    status: int

    @property
    def why(self) -> str:
        return f"{self.code} {self.reason}".strip()

    @classmethod
    def of(cls, response: Any) -> Self:  # Any: what botocore makes of an answer
        error = response.get("Error", {})
        return cls(
            code=str(error.get("Code", "")).removesuffix("Exception"),
            message=str(error.get("Message", "")),
            reason=str(response.get("Reason", "")),
            status=response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0),
        )


def _is_of_mailbox(told: _Refusal) -> bool:
    # A sender that is not verified gets the same code, and only words tell: then nobody gets mail.
    return told.code in {"BadRequest", "MessageRejected"} and "not verified" not in told.message


@contextmanager
def _sending(provider: str, is_of_address: Callable[[_Refusal], bool]) -> Iterator[None]:
    """Translate failure. A span tells of it, but of nobody it is sent to, nor what it says.

    Raises:
        AddressRefused: of this address alone.
        MaybeSent: no answer came, or one that does not say.
        NotTaken: it was surely not sent.
    """
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    try:
        with tracing.start(f"send by {provider}", "client", {"rpc.service": provider}):
            yield
    except ClientError as error:
        told = _Refusal.of(error.response)
        if is_of_address(told):
            raise AddressRefused(told.why) from error
        if told.status >= _ERROR and told.status != _OVERLOADED:
            raise MaybeSent(told.why) from error
        raise NotTaken(told.why) from error
    except HTTPClientError as error:
        # Connected, and then no answer; who could not connect is among those below.
        raise MaybeSent(type(error).__name__) from error
    except BotoCoreError as error:
        raise NotTaken(type(error).__name__) from error
