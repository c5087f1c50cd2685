"""POST /bookings/{attemptId}/verify-otp: the code confirms the booking."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from slotkeeper import bootstrap
from slotkeeper.contracts.http import BookingResponse, IdPath, VerifyOtpRequest
from slotkeeper.domain.attempt import Attempt
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.http import answer, create_app
from slotkeeper.entrypoints.observability import count, instrumented
from slotkeeper.services.verify_otp import verify_otp

app = create_app()


@app.post("/bookings/<_id>/verify-otp")
def post_code(_id: str) -> Response[str]:
    caller = app.caller(Role.PATIENT)
    path = app.path(IdPath)
    request = app.body(VerifyOtpRequest)
    confirmation = verify_otp(
        attempt=Attempt(id=path.id, user_id=caller.user_id, request_id=app.request_id),
        code=request.code,
        codes=bootstrap.codes(),
        maker=bootstrap.code_maker(),
        gate=bootstrap.gate(),
        slots=bootstrap.slots(),
        ledger=bootstrap.ledger(),
        relay=bootstrap.relay_waker(),
        together=bootstrap.together,
        policy=bootstrap.policy(),
    )
    status = HTTPStatus.OK
    if confirmation.is_new:
        count("booking_success_total")
        status = HTTPStatus.CREATED
    return answer(status, *BookingResponse.with_etag(confirmation.booking))


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
