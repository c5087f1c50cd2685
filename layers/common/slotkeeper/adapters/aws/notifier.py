"""Messages to people: SMS by SNS, email by SES."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slotkeeper.adapters.aws.client import call
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.user import Channel


class AwsNotifier:
    """`Notifier` by Amazon SNS and SES; with `sms_provider` "none", SMS is switched off."""

    def __init__(self, connect: Callable[[str], Any], *, sms_provider: str, email_from: str):
        self._connect = connect
        self._sms_provider = sms_provider
        self._email_from = email_from

    def send(self, channel: Channel, address: str, subject: str, text: str) -> str:
        if channel is Channel.SMS:
            return self._send_sms(address, text)
        return self._send_email(address, subject, text)

    def _send_sms(self, number: str, text: str) -> str:
        if self._sms_provider != "sns":
            raise Unavailable("SMS is switched off.")
        with call():
            answer = self._connect("sns").publish(
                PhoneNumber=number,
                Message=text,
                MessageAttributes={
                    "AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}
                },
            )
        return str(answer["MessageId"])

    def _send_email(self, address: str, subject: str, text: str) -> str:
        with call():
            answer = self._connect("sesv2").send_email(
                FromEmailAddress=self._email_from,
                Destination={"ToAddresses": [address]},
                Content={
                    "Simple": {
                        "Subject": {"Data": subject, "Charset": "UTF-8"},
                        "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
                    }
                },
            )
        return str(answer["MessageId"])
