"""GET /bookings/{id}: one booking."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from slotkeeper import bootstrap
from slotkeeper.contracts.bookings import BookingResponse
from slotkeeper.contracts.shapes import IdPath, Nothing
from slotkeeper.domain import errors
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.http import answer, create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services.get_booking import get_booking

app = create_app()


@app.operation(
    "GET",
    "/bookings/{id}",
    roles=Role,
    path_model=IdPath,
    answers={HTTPStatus.OK: BookingResponse},
    refuses=[errors.NotFound],
)
def get_one(call: Call[IdPath, Nothing, Nothing]) -> Response[str]:
    """One booking"""
    booking = get_booking(
        booking_id=call.path.id,
        caller=call.caller,
        ledger=bootstrap.ledger(),
        doctors=bootstrap.doctors(),
        users=bootstrap.users(),
    )
    return answer(HTTPStatus.OK, *BookingResponse.with_etag(booking))


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
