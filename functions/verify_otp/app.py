"""POST /bookings/{attemptId}/verify-otp: the code confirms the booking."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.bookings import BookingResponse
from slotkeeper.contracts.codes import VerifyOtpRequest
from slotkeeper.contracts.shapes import IdPath, Nothing
from slotkeeper.domain import errors
from slotkeeper.domain.attempt import Attempt
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import Response, answer
from slotkeeper.entrypoints.http import create_app
from slotkeeper.entrypoints.observability import count, identify, instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services.verify_otp import verify_otp

app = create_app(bootstrap.requests, is_standby=bootstrap.is_standby)


@app.operation(
    "POST",
    "/bookings/{id}/verify-otp",
    roles=[Role.PATIENT],
    path_model=IdPath,
    body_model=VerifyOtpRequest,
    answers={HTTPStatus.CREATED: BookingResponse, HTTPStatus.OK: BookingResponse},
    refuses=[
        *(errors.NotFound, errors.HoldExpired, errors.OtpInvalid, errors.OtpLocked),
        *(errors.BookingNotConfirmed, errors.TooLate, errors.PaymentDeclined),
        errors.RequestInProgress,
    ],
    idempotency="honoured",
)
def verify(call: Call[IdPath, Nothing, VerifyOtpRequest]) -> Response[str]:
    """Confirm the booking with the code that was sent"""
    confirmation = verify_otp(
        attempt=Attempt(id=call.path.id, user_id=call.caller.user_id, request_id=call.request_id),
        code=call.body.code,
        codes=bootstrap.codes(),
        maker=bootstrap.code_maker(),
        failures=bootstrap.failures(),
        gate=bootstrap.gate(),
        slots=bootstrap.slots(),
        booked=bootstrap.booked_slots(),
        ledger=bootstrap.ledger(),
        relay=bootstrap.relay_waker(),
        together=bootstrap.together,
        policy=bootstrap.policy(),
        payment_method=call.body.payment_method,
        till=bootstrap.till(),
    )
    identify(bookingId=confirmation.booking.id, slotId=confirmation.booking.slot_id)
    status = HTTPStatus.OK
    if confirmation.is_new:
        count("booking_success_total")
        count("otp_verified_total")
        count("bookings_paid_total", confirmation.booking.payment is not None)
        status = HTTPStatus.CREATED
    return answer(status, *BookingResponse.with_etag(confirmation.booking))


bootstrap.prime(
    bootstrap.booked_slots,
    bootstrap.code_maker,
    bootstrap.codes,
    bootstrap.failures,
    bootstrap.gate,
    bootstrap.ledger,
    bootstrap.requests,
    bootstrap.slots,
    bootstrap.relay_waker,
    bootstrap.till,
)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
