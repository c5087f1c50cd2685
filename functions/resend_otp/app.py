"""POST /bookings/{attemptId}/resend-otp: a new code for a live hold."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.codes import ResendOtpResponse
from slotkeeper.contracts.shapes import IdPath, Nothing
from slotkeeper.domain import errors
from slotkeeper.domain.attempt import Attempt
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import Response, answer
from slotkeeper.entrypoints.http import create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services.resend_otp import resend_otp

app = create_app(bootstrap.requests, is_standby=bootstrap.is_standby)


@app.operation(
    "POST",
    "/bookings/{id}/resend-otp",
    roles=[Role.PATIENT],
    path_model=IdPath,
    answers={HTTPStatus.ACCEPTED: ResendOtpResponse},
    refuses=[errors.NotFound, errors.HoldExpired, errors.OtpLocked],
    idempotency="honoured",
)
def resend(call: Call[IdPath, Nothing, Nothing]) -> Response[str]:
    """Have a new code sent; the earlier one no longer works"""
    sent = resend_otp(
        attempt=Attempt(id=call.path.id, user_id=call.caller.user_id, request_id=call.request_id),
        request_key=call.request_key,
        fresh=bootstrap.fresh_code(),
        codes=bootstrap.codes(),
        slots=bootstrap.slots(),
        users=bootstrap.users(),
        jobs=bootstrap.jobs(),
        policy=bootstrap.policy(),
    )
    return answer(HTTPStatus.ACCEPTED, ResendOtpResponse.text_of(sent))


bootstrap.prime(
    bootstrap.codes, bootstrap.jobs, bootstrap.requests, bootstrap.slots, bootstrap.users
)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
