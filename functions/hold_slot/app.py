"""POST /bookings: hold a slot and start a booking attempt."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.holds import HoldSlotRequest, HoldSlotResponse
from slotkeeper.contracts.shapes import Nothing
from slotkeeper.domain import errors
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import Response, answer
from slotkeeper.entrypoints.http import create_app
from slotkeeper.entrypoints.observability import count, identify, instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services.hold_slot import hold_slot

app = create_app(is_standby=bootstrap.is_standby)


@app.operation(
    "POST",
    "/bookings",
    roles=[Role.PATIENT],
    body_model=HoldSlotRequest,
    answers={HTTPStatus.ACCEPTED: HoldSlotResponse},
    refuses=[
        *(errors.NotFound, errors.SlotHeld, errors.SlotUnavailable, errors.SlotInPast),
        *(errors.TooManyHolds, errors.RequestInProgress, errors.IdempotencyKeyReused),
        *(errors.BookingNotConfirmed, errors.TooLate, errors.OtpLocked),
    ],
    idempotency="required",
)
def hold(call: Call[Nothing, Nothing, HoldSlotRequest]) -> Response[str]:
    """Hold a slot and have a code sent"""
    count("booking_attempts_total")
    ticket = bootstrap.hold_ticket(
        slot_id=call.body.slot_id,
        user_id=call.caller.user_id,
        idempotency_key=call.idempotency_key or "",
        fingerprint=call.fingerprint,
        request_id=call.request_id,
    )
    identify(attemptId=ticket.attempt_id)
    held = hold_slot(
        ticket=ticket,
        channel=call.body.channel,
        replaces=call.body.replaces,
        to_text=HoldSlotResponse.text_of,
        gate=bootstrap.gate(),
        slots=bootstrap.slots(),
        ledger=bootstrap.ledger(),
        users=bootstrap.users(),
        jobs=bootstrap.jobs(),
        together=bootstrap.together,
        policy=bootstrap.policy(),
    )
    headers = {"Expires": HoldSlotResponse.expires_header(held.text)}
    if held.is_replay:
        headers["Idempotent-Replayed"] = "true"
    return answer(HTTPStatus.ACCEPTED, held.text, headers)


bootstrap.prime(bootstrap.gate, bootstrap.slots, bootstrap.ledger, bootstrap.users, bootstrap.jobs)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
