"""Requests as API Gateway hands them on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

Event = dict[str, Any]  # Any: events are free JSON


def request(
    method: str,
    route: str,
    *,
    user: str,
    role: str = "patient",
    id_: str | None = None,
    query: Mapping[str, str] | None = None,
    body: object = None,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Event:
    """A request of REST API's proxy integration; `key` is its idempotency key."""
    given = {
        "Accept": "application/json",
        "Host": "api.example",
        "User-Agent": "bench",
        "X-Forwarded-For": "192.0.2.1",
        **({"Content-Type": "application/json"} if body is not None else {}),
        **({"Idempotency-Key": key} if key else {}),
        **(headers or {}),
    }
    return {
        "resource": route,
        "path": route.replace("{id}", id_ or ""),
        "httpMethod": method,
        "headers": given,
        "multiValueHeaders": {name: [value] for name, value in given.items()},
        "queryStringParameters": dict(query) if query else None,
        "multiValueQueryStringParameters": {n: [v] for n, v in query.items()} if query else None,
        "pathParameters": {"id": id_} if id_ else None,
        "stageVariables": None,
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "stage": "prod",
            "resourcePath": route,
            "httpMethod": method,
            "identity": {"sourceIp": "192.0.2.1"},
            "authorizer": {"userId": user, "role": role, "principalId": user},
        },
    }


def hold(slot: str, user: str, key: str | None = None) -> Event:
    key = key or uuid.uuid4().hex
    return request("POST", "/bookings", user=user, body={"slotId": slot}, key=key)


def verify(attempt: str, user: str, code: str, *, key: str | None = None) -> Event:
    route = "/bookings/{id}/verify-otp"
    return request("POST", route, user=user, id_=attempt, body={"code": code}, key=key)


def resend(attempt: str, user: str) -> Event:
    return request("POST", "/bookings/{id}/resend-otp", user=user, id_=attempt)


def cancel(booking: str, user: str, *, key: str | None = None) -> Event:
    return request("PATCH", "/bookings/{id}/cancel", user=user, id_=booking, body={}, key=key)


def reschedule(booking: str, user: str) -> Event:
    return request("PATCH", "/bookings/{id}/reschedule", user=user, id_=booking, body={})


def list_slots(doctor: str, user: str, **query: str) -> Event:
    route = "/doctors/{id}/slots"
    return request("GET", route, user=user, id_=doctor, query={"limit": "20", **query})
