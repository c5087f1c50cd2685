"""The authorizer's side of API Gateway: what it is asked, what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slotkeeper.domain.errors import AppointmentError
from slotkeeper.domain.user import Caller


def authorization_of(event: Mapping[str, Any]) -> str | None:
    """The one `Authorization` header; two are none."""
    many = event.get("multiValueHeaders") or {}
    values = [v for name, all_ in many.items() if name.lower() == "authorization" for v in all_]
    if not many:
        single = event.get("headers") or {}
        values = [v for name, v in single.items() if name.lower() == "authorization"]
    return values[0] if len(values) == 1 else None


def policy_for(
    event: Mapping[str, Any],
    *,
    caller: Caller | None = None,
    refusal: AppointmentError | None = None,
) -> dict[str, Any]:
    """Let the request through to its function, with who sends it or why nobody does.

    The function refuses (`App.caller`), because only there can every environment answer a problem
    document (ADR 0003). The policy covers the stage: one for a single route would be wrong for the
    next route wherever a gateway caches it.
    """
    api, stage = str(event["methodArn"]).split("/")[:2]
    context = (
        {"userId": caller.user_id, "role": caller.role.value}
        if caller
        else {"refusal": refusal.code if refusal else "unauthenticated"}
    )
    return {
        "principalId": caller.user_id if caller else "anonymous",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": f"{api}/{stage}/*",
                }
            ],
        },
        "context": context,
    }
