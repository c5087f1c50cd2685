"""Bodies and parameters of /bookings."""

from __future__ import annotations

from email.utils import format_datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from slotkeeper.contracts.shapes import (
    Id,
    Instant,
    PageInfo,
    PageQuery,
    Request,
    Shape,
    StartsQuery,
)
from slotkeeper.contracts.texts import Words
from slotkeeper.domain.attempt import CodeSent, HoldReceipt
from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.user import Channel
from slotkeeper.ports.bookings import BookingFilter
from slotkeeper.ports.pages import Page


def channel(value: Any) -> Any:
    """The channel a text names; strict models take no text for an enum."""
    if not isinstance(value, str):
        return value
    if value not in list(Channel):
        raise ValueError("must be sms or email")
    return Channel(value)


def booking_status(value: Any) -> Any:
    """The status a text names."""
    is_one = isinstance(value, str) and value in list(BookingStatus)
    return BookingStatus(value) if is_one else value


Code = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
ChannelName = Annotated[Channel, BeforeValidator(channel)]
StatusName = Annotated[BookingStatus, BeforeValidator(booking_status)]


class HoldSlotRequest(Request):
    slot_id: Id
    channel: ChannelName | None = None
    replaces: Id | None = None


class ChangeRequest(Request):
    """Why a booking is cancelled or rescheduled; kept with it, shown to nobody else."""

    reason: Words | None = None


class CodeSentResponse(Shape):
    channel: Channel
    destination: str
    expires_at: Instant
    resend_at: Instant


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


class PaymentResponse(Shape):
    """What a booking costs: `amount` in minor units of `currency`."""

    amount: int
    currency: str


class BookingResponse(Shape):
    id: str
    slot_id: str
    doctor_id: str
    user_id: str
    date: str
    start_time: Instant
    end_time: Instant
    status: BookingStatus
    version: int
    created_at: Instant
    updated_at: Instant
    # Only where there is one: a plain booking has the contract's fields and no more.
    replaces: Annotated[str | None, Field(exclude_if=lambda id_: id_ is None)] = None
    replaced_by: Annotated[str | None, Field(exclude_if=lambda id_: id_ is None)] = None
    payment: Annotated[
        PaymentResponse | None, Field(exclude_if=lambda payment: payment is None)
    ] = None

    @classmethod
    def of(cls, booking: Booking) -> BookingResponse:
        return cls.model_validate({name: getattr(booking, name) for name in cls.model_fields})

    @classmethod
    def with_etag(cls, booking: Booking) -> tuple[str, dict[str, str]]:
        """The body, and the headers that name its version."""
        return cls.of(booking).to_text(), {"ETag": f'"{booking.version}"'}


class ListBookingsQuery(StartsQuery):
    status: StatusName | None = None

    def wanted(self) -> BookingFilter:
        return BookingFilter(status=self.status, start=self.from_, end=self.to)


class BookingPageResponse(Shape):
    items: list[BookingResponse]
    page_info: PageInfo

    @classmethod
    def of(cls, page: Page[Booking], query: PageQuery, wanted: object) -> BookingPageResponse:
        return cls(
            items=[BookingResponse.of(booking) for booking in page.items],
            page_info=PageInfo.of(page, query, wanted),
        )
