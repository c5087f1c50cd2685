"""PATCH /bookings/{id}/cancel: a confirmed booking is called off, its slot is free again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.bookings import BookingResponse, ChangeRequest
from slotkeeper.contracts.shapes import IdPath, Nothing
from slotkeeper.domain import errors
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import Response, answer
from slotkeeper.entrypoints.http import create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services.cancel_booking import cancel_booking

app = create_app(bootstrap.requests, is_standby=bootstrap.is_standby)


@app.operation(
    "PATCH",
    "/bookings/{id}/cancel",
    roles=Role,
    path_model=IdPath,
    body_model=ChangeRequest,
    answers={HTTPStatus.OK: BookingResponse},
    refuses=[errors.NotFound, errors.BookingNotConfirmed, errors.TooLate],
    idempotency="honoured",
    takes_if_match=True,
)
def cancel(call: Call[IdPath, Nothing, ChangeRequest]) -> Response[str]:
    """Cancel a booking"""
    booking = cancel_booking(
        booking_id=call.path.id,
        caller=call.caller,
        reason=call.body.reason,
        expected=call.if_match,
        request_id=call.request_id,
        request_key=call.request_key,
        doctors=bootstrap.doctors(),
        users=bootstrap.users(),
        ends=bootstrap.booking_ends(),
        policy=bootstrap.policy(),
    )
    return answer(HTTPStatus.OK, *BookingResponse.with_etag(booking))


bootstrap.prime(bootstrap.booking_ends, bootstrap.doctors, bootstrap.requests, bootstrap.users)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
