"""POST /bookings: hold a slot and start a booking attempt."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from slotkeeper import bootstrap
from slotkeeper.contracts.http import HoldSlotRequest, HoldSlotResponse
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.http import answer, create_app
from slotkeeper.entrypoints.observability import count, instrumented
from slotkeeper.services.hold_slot import hold_slot

app = create_app()


@app.post("/bookings")
def post_booking() -> Response[str]:
    caller = app.caller(Role.PATIENT)
    idempotency_key = app.idempotency_key()
    request = app.body(HoldSlotRequest)
    count("booking_attempts_total")
    held = hold_slot(
        ticket=bootstrap.hold_ticket(
            slot_id=request.slot_id,
            user_id=caller.user_id,
            idempotency_key=idempotency_key,
            fingerprint=app.fingerprint(),
            request_id=app.request_id,
        ),
        channel=request.channel,
        to_text=HoldSlotResponse.text_of,
        gate=bootstrap.gate(),
        slots=bootstrap.slots(),
        users=bootstrap.users(),
        jobs=bootstrap.jobs(),
        together=bootstrap.together,
        policy=bootstrap.policy(),
    )
    headers = {"Expires": HoldSlotResponse.expires_header(held.text)}
    if held.is_replay:
        headers["Idempotent-Replayed"] = "true"
    return answer(HTTPStatus.ACCEPTED, held.text, headers)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
