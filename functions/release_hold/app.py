"""DELETE /bookings/{attemptId}/hold: let the slot go early."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.shapes import IdPath, Nothing
from slotkeeper.domain import errors
from slotkeeper.domain.attempt import Attempt
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import Response, answer
from slotkeeper.entrypoints.http import create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services.release_hold import release_hold

app = create_app(is_standby=bootstrap.is_standby)


@app.operation(
    "DELETE",
    "/bookings/{id}/hold",
    roles=[Role.PATIENT],
    path_model=IdPath,
    answers={HTTPStatus.NO_CONTENT: None},
    refuses=[errors.NotFound, errors.HoldExpired],
)
def release(call: Call[IdPath, Nothing, Nothing]) -> Response[str]:
    """Let a held slot go"""
    release_hold(
        attempt=Attempt(id=call.path.id, user_id=call.caller.user_id, request_id=call.request_id),
        slots=bootstrap.slots(),
        ledger=bootstrap.ledger(),
        gate=bootstrap.gate(),
        together=bootstrap.together,
        sagas=bootstrap.sagas(),
    )
    return answer(HTTPStatus.NO_CONTENT)


bootstrap.prime(bootstrap.gate, bootstrap.ledger, bootstrap.sagas, bootstrap.slots)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
