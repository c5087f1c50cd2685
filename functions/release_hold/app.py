"""DELETE /bookings/{attemptId}/hold: let the slot go early."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from slotkeeper import bootstrap
from slotkeeper.contracts.http import IdPath
from slotkeeper.domain.attempt import Attempt
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.http import answer, create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.services.release_hold import release_hold

app = create_app()


@app.delete("/bookings/<_id>/hold")
def delete_hold(_id: str) -> Response[str]:
    caller = app.caller(Role.PATIENT)
    path = app.path(IdPath)
    release_hold(
        attempt=Attempt(id=path.id, user_id=caller.user_id, request_id=app.request_id),
        slots=bootstrap.slots(),
        ledger=bootstrap.ledger(),
        gate=bootstrap.gate(),
        together=bootstrap.together,
    )
    return answer(HTTPStatus.NO_CONTENT)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
