"""Codes: what is told of one that was sent, and one that is entered."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slotkeeper.contracts.shapes import Instant, Request, Shape
from slotkeeper.domain.attempt import CodeSent
from slotkeeper.domain.user import Channel

Code = Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class CodeSentResponse(Shape):
    channel: Channel
    destination: str
    expires_at: Instant
    resend_at: Instant


class ResendOtpResponse(Shape):
    otp: CodeSentResponse

    @classmethod
    def text_of(cls, sent: CodeSent) -> str:
        return cls(otp=CodeSentResponse.model_validate(sent)).to_text()


PaymentMethod = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,255}$")]
"""The payment provider's token for a card or another means; never the card's own data."""


class VerifyOtpRequest(Request):
    code: Code
    payment_method: PaymentMethod | None = None
