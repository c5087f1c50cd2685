"""GET /bookings/{id}: one booking; GET /bookings/{id}/calendar.ics: the same for a calendar."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.bookings import BookingResponse
from slotkeeper.contracts.shapes import IdPath, Nothing
from slotkeeper.domain import errors
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import Response, answer
from slotkeeper.entrypoints.http import create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services.get_booking import get_booking
from slotkeeper.services.get_calendar import get_calendar

app = create_app()

CALENDAR = "text/calendar; charset=utf-8"


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


@app.operation(
    "GET",
    "/bookings/{id}/calendar.ics",
    roles=Role,
    path_model=IdPath,
    answers={HTTPStatus.OK: None},
    refuses=[errors.NotFound],
    media_type=CALENDAR,
)
def get_calendar_file(call: Call[IdPath, Nothing, Nothing]) -> Response[str]:
    """One booking for a calendar"""
    booking, text = get_calendar(
        booking_id=call.path.id,
        caller=call.caller,
        ledger=bootstrap.ledger(),
        doctors=bootstrap.doctors(),
        catalogue=bootstrap.catalogue(),
        users=bootstrap.users(),
        calendars=bootstrap.calendars(),
    )
    _, etag = BookingResponse.with_etag(booking)
    headers = {**etag, "Content-Disposition": 'attachment; filename="appointment.ics"'}
    return answer(HTTPStatus.OK, text, headers, media_type=CALENDAR)


bootstrap.prime(bootstrap.catalogue, bootstrap.doctors, bootstrap.ledger, bootstrap.users)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
