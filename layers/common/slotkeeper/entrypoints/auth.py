"""The authorizer's side of API Gateway: what it is asked, what it answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slotkeeper import tracing
from slotkeeper.domain.errors import RateLimited
from slotkeeper.entrypoints.observability import count, logger
from slotkeeper.services.authorize import Arrival, Verdict

if TYPE_CHECKING:
    from slotkeeper.ports.requests import Allowance

_SPECIAL = re.compile(r"[^A-Za-z0-9._:/-]")


def arrival_of(event: Mapping[str, Any]) -> Arrival:
    """The request that a REQUEST authorizer is asked about.

    Its address is the gateway's peer. `X-Forwarded-For` is the client's to write and never read.
    """
    identity = (event.get("requestContext") or {}).get("identity") or {}
    return Arrival(
        method=str(event.get("httpMethod") or ""),
        route=str(event.get("resource") or ""),
        source_ip=str(identity.get("sourceIp") or ""),
        authorization=_authorization_of(event),
    )


def policy_for(event: Mapping[str, Any], verdict: Verdict) -> dict[str, Any]:
    """Let the request through to its function, with who sends it or why nobody does.

    The function refuses (`Incoming.caller`), because only there can every environment answer a
    problem document (ADR 0003). The policy is for the one method that was asked about: no gateway
    that kept it could let another route through by it.
    """
    caller = verdict.caller
    return {
        "principalId": caller.user_id if caller else "anonymous",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": _method_of(str(event["methodArn"])),
                }
            ],
        },
        "context": {
            **_context_of(verdict),
            **_allowance_of(verdict.allowance),
            **tracing.carried(),
        },
    }


def _method_of(arn: str) -> str:
    """The method's ARN, as a policy names it.

    A character that none of our ids has could mean something there (`*`, `${`), in a request that
    the function refuses anyway: it is any one character.
    """
    return _SPECIAL.sub("?", arn)


def note_refusal(arrival: Arrival, verdict: Verdict) -> None:
    """Log and count a refusal, by its route alone: neither address nor token."""
    refusal = verdict.refusal
    if isinstance(refusal, RateLimited):
        policy = verdict.allowance.limit.name if verdict.allowance else None
        count("rate_limited_total")
        logger.info(
            "request.rate_limited", route=f"{arrival.method} {arrival.route}", policy=policy
        )
    elif refusal is not None:
        logger.info("token.refused", code=refusal.code, cause=type(refusal.__cause__).__name__)


def _context_of(verdict: Verdict) -> dict[str, str]:
    # Text only: the gateway hands nothing else on.
    if verdict.caller is not None:
        return {"userId": verdict.caller.user_id, "role": verdict.caller.role.value}
    refusal = verdict.refusal
    if isinstance(refusal, RateLimited):
        return {"refusal": refusal.code, "retryAfter": str(refusal.retry_after_seconds)}
    return {"refusal": refusal.code if refusal else "unauthenticated"}


def _allowance_of(allowance: Allowance | None) -> dict[str, str]:
    """The values of `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers)."""
    if allowance is None:
        return {}
    limit = allowance.limit
    return {
        "rateLimit": f'"{limit.name}";r={allowance.remaining};t={allowance.reset_seconds}',
        "rateLimitPolicy": f'"{limit.name}";q={limit.requests};w={limit.seconds}',
    }


def _authorization_of(event: Mapping[str, Any]) -> str | None:
    """The one `Authorization` header; two are none."""
    many = event.get("multiValueHeaders") or {}
    values = [v for name, all_ in many.items() if name.lower() == "authorization" for v in all_]
    if not many:
        single = event.get("headers") or {}
        values = [v for name, v in single.items() if name.lower() == "authorization"]
    return values[0] if len(values) == 1 else None
