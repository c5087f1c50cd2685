"""GET /bookings/{id}: one booking."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from slotkeeper import bootstrap
from slotkeeper.contracts.http import BookingResponse, IdPath
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.http import answer, create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.services.get_booking import get_booking

app = create_app()


@app.get("/bookings/<_id>")
def get_one(_id: str) -> Response[str]:
    caller = app.caller(*Role)
    booking = get_booking(
        booking_id=app.path(IdPath).id,
        caller=caller,
        ledger=bootstrap.ledger(),
        doctors=bootstrap.doctors(),
        users=bootstrap.users(),
    )
    return answer(HTTPStatus.OK, *BookingResponse.with_etag(booking))


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
