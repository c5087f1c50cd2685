"""GET /bookings: the bookings the caller may see."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.booking_lists import BookingPageResponse, ListBookingsQuery
from slotkeeper.contracts.shapes import Nothing
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import Response, answer
from slotkeeper.entrypoints.http import create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services.list_bookings import list_bookings

app = create_app()


@app.operation(
    "GET",
    "/bookings",
    roles=Role,
    query_model=ListBookingsQuery,
    answers={HTTPStatus.OK: BookingPageResponse},
)
def get_bookings(call: Call[Nothing, ListBookingsQuery, Nothing]) -> Response[str]:
    """Bookings by start: a patient's own, the clinic's for staff, all for an admin"""
    query = call.query
    wanted = query.wanted()
    # A cursor is good for whoever was given it.
    whose = (call.caller, wanted)
    page = list_bookings(
        wanted=wanted,
        caller=call.caller,
        skip=query.skip,
        limit=query.limit,
        after=query.after(whose),
        bookings=bootstrap.booking_lists(),
        catalogue=bootstrap.catalogue(),
        users=bootstrap.users(),
        together=bootstrap.together,
    )
    return answer(HTTPStatus.OK, BookingPageResponse.of(page, query, whose).to_text())


bootstrap.prime(bootstrap.booking_lists, bootstrap.catalogue, bootstrap.users)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
