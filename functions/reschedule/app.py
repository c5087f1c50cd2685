"""PATCH /bookings/{id}/reschedule: give up a booking, to book another of the doctor's slots."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.bookings import ChangeRequest
from slotkeeper.contracts.reschedule import RescheduleQuery, RescheduleResponse
from slotkeeper.contracts.shapes import IdPath
from slotkeeper.domain import errors
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import Response, answer
from slotkeeper.entrypoints.http import create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services.free_page import free_page_if_any
from slotkeeper.services.reschedule_booking import reschedule_booking

app = create_app(bootstrap.requests, is_standby=bootstrap.is_standby)


@app.operation(
    "PATCH",
    "/bookings/{id}/reschedule",
    roles=Role,
    path_model=IdPath,
    query_model=RescheduleQuery,
    body_model=ChangeRequest,
    answers={HTTPStatus.OK: RescheduleResponse},
    refuses=[errors.NotFound, errors.BookingNotConfirmed, errors.TooLate],
    idempotency="honoured",
    takes_if_match=True,
)
def reschedule(call: Call[IdPath, RescheduleQuery, ChangeRequest]) -> Response[str]:
    """Give up a booking and see the doctor's free slots; to keep it until then: `replaces`"""
    booking = reschedule_booking(
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
    query, wanted = call.query, call.query.wanted(booking.doctor_id)
    page = free_page_if_any(
        wanted,
        skip=query.skip,
        limit=query.limit,
        now=bootstrap.clock().now(),
        slots=bootstrap.slots(),
        together=bootstrap.together,
    )
    return answer(HTTPStatus.OK, *RescheduleResponse.with_etag(booking, page, query, wanted))


bootstrap.prime(
    bootstrap.booking_ends, bootstrap.doctors, bootstrap.requests, bootstrap.slots, bootstrap.users
)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
