"""Bodies and parameters of /bookings."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from slotkeeper.contracts.shapes import Instant, Request, Shape
from slotkeeper.contracts.texts import Words
from slotkeeper.domain.booking import Booking, BookingStatus


def booking_status(value: Any) -> Any:
    """The status a text names."""
    is_one = isinstance(value, str) and value in list(BookingStatus)
    return BookingStatus(value) if is_one else value


StatusName = Annotated[BookingStatus, BeforeValidator(booking_status)]


class ChangeRequest(Request):
    """Why a booking is cancelled or rescheduled; kept with it, shown to nobody else."""

    reason: Words | None = None


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
