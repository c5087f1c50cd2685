"""REQUEST authorizer: who sends the request, by the bearer token, and whether too often."""

from __future__ import annotations

from typing import Any

from slotkeeper import bootstrap
from slotkeeper.entrypoints.auth import arrival_of, note_refusal, policy_for
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.services.authorize import authorize

bootstrap.prime(bootstrap.rate_limiter, bootstrap.token_verifier)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    arrival = arrival_of(event)
    verdict = authorize(
        arrival=arrival,
        limits=bootstrap.rate_limits(),
        limiter=bootstrap.rate_limiter(),
        tokens=bootstrap.token_verifier(),
    )
    note_refusal(arrival, verdict)
    return policy_for(event, verdict)
