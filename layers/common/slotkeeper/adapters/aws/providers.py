"""Providers of messages to people: SMS by SNS, email by SES.

A failure is told by its kind: of the address (nobody else is concerned, and asking again is of no
use), of the provider, or of neither side's knowing whether the message was taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.provider import SES, SNS
from slotkeeper.ports.notifications import AddressRefused, MaybeSent

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
        with _sending(lambda code, _: code in self._OF_ADDRESS):
            answer = self._connect("sns").publish(
                PhoneNumber=address,
                Message=text,
                MessageAttributes={
                    "AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}
                },
            )
        return str(answer["MessageId"])


class SesEmail:
    """`Provider` of email: Amazon SES."""

    name = SES

    def __init__(self, connect: Connect, *, sender: str):
        self._connect = connect
        self._sender = sender

    def send(self, address: str, subject: str, text: str) -> str:
        with _sending(_is_of_mailbox):
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


def _is_of_mailbox(code: str, message: str) -> bool:
    # A sender that is not verified gets the same code, and only words tell: then nobody gets mail.
    return code in {"BadRequest", "MessageRejected"} and "not verified" not in message


@contextmanager
def _sending(is_of_address: Callable[[str, str], bool]) -> Iterator[None]:
    """Translate failure; `is_of_address` judges an error's code and message.

    Raises:
        AddressRefused: of this address alone.
        MaybeSent: no answer came, or one that does not say.
        Unavailable: it was surely not sent.
    """
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    try:
        yield
    except ClientError as error:
        told = error.response["Error"]
        if is_of_address(told.get("Code", "").removesuffix("Exception"), told.get("Message", "")):
            raise AddressRefused from error
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= _ERROR and status != _OVERLOADED:
            raise MaybeSent from error
        raise Unavailable from error
    except HTTPClientError as error:
        # Connected, and then no answer; who could not connect is among those below.
        raise MaybeSent from error
    except BotoCoreError as error:
        raise Unavailable from error
