"""POST /bookings/{attemptId}/resend-otp: a new code for a live hold."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from slotkeeper import bootstrap
from slotkeeper.contracts.http import IdPath, ResendOtpResponse
from slotkeeper.domain.attempt import Attempt
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.http import answer, create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.services.resend_otp import resend_otp

app = create_app()


@app.post("/bookings/<_id>/resend-otp")
def post_resend(_id: str) -> Response[str]:
    caller = app.caller(Role.PATIENT)
    path = app.path(IdPath)
    sent = resend_otp(
        attempt=Attempt(id=path.id, user_id=caller.user_id, request_id=app.request_id),
        fresh=bootstrap.fresh_code(),
        codes=bootstrap.codes(),
        slots=bootstrap.slots(),
        users=bootstrap.users(),
        jobs=bootstrap.jobs(),
        policy=bootstrap.policy(),
    )
    return answer(HTTPStatus.ACCEPTED, ResendOtpResponse.text_of(sent))


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
