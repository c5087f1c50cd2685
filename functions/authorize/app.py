"""REQUEST authorizer: who sends the request, by the bearer token."""

from __future__ import annotations

from typing import Any

from slotkeeper import bootstrap
from slotkeeper.domain.errors import AppointmentError
from slotkeeper.entrypoints.auth import authorization_of, policy_for
from slotkeeper.entrypoints.observability import instrumented, logger


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        caller = bootstrap.token_verifier().caller(authorization_of(event))
    except AppointmentError as refusal:
        logger.info("token.refused", code=refusal.code, cause=type(refusal.__cause__).__name__)
        return policy_for(event, refusal=refusal)
    return policy_for(event, caller=caller)
