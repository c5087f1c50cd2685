"""A hold: what asks for one, and what answers."""

from __future__ import annotations

from email.utils import format_datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

from slotkeeper.contracts.codes import CodeSentResponse
from slotkeeper.contracts.shapes import Id, Instant, Request, Shape
from slotkeeper.domain.attempt import HoldReceipt
from slotkeeper.domain.user import Channel


def channel(value: Any) -> Any:
    """The channel a text names; strict models take no text for an enum."""
    if not isinstance(value, str):
        return value
    if value not in list(Channel):
        raise ValueError("must be sms or email")
    return Channel(value)


ChannelName = Annotated[Channel, BeforeValidator(channel)]


class HoldSlotRequest(Request):
    slot_id: Id
    channel: ChannelName | None = None
    replaces: Id | None = None


class HoldSlotResponse(Shape):
    attempt_id: str
    slot_id: str
    expires_at: Instant
    server_time: Instant
    otp: CodeSentResponse

    @classmethod
    def text_of(cls, receipt: HoldReceipt) -> str:
        return cls.model_validate(receipt).to_text()

    @classmethod
    def expires_header(cls, text: str) -> str:
        """The `Expires` header (RFC 9110) of an answer, from its text."""
        return format_datetime(cls.model_validate_json(text).expires_at, usegmt=True)
