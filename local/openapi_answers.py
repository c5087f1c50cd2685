"""The answers of an operation in `openapi.json`: what succeeds, and every problem it may end in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from slotkeeper.contracts.shapes import Nothing, Shape
from slotkeeper.domain import errors
from slotkeeper.domain.errors import AppointmentError
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.operation import JSON, STATUS, Operation

Node = dict[str, Any]  # Any: JSON

PROBLEM = "application/problem+json"
_PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}
_HEADERS: Node = {
    "ETag": {
        "description": "The version of what is answered.",
        "schema": {"type": "string"},
    },
    "Expires": {
        "description": "When the hold ends.",
        "schema": {"type": "string"},
    },
    "Idempotent-Replayed": {
        "description": "Answered from memory: this request was carried out before.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Location": {
        "description": "Where what was made is, relative to this request.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "RateLimit": {
        "description": "What is left: `r` requests, all back in `t` seconds.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "The limit: `q` requests in `w` seconds.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before trying again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "How to sign in.",
        "required": True,
        "schema": {"type": "string", "enum": ["Bearer"]},
    },
    "X-Request-Id": {
        "description": "Names this request to us.",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
    },
}
_WAITING = (errors.RateLimited, errors.Unavailable, errors.OtpLocked, errors.TooManyHolds)
"""Always with Retry-After; SlotHeld and RequestInProgress are, where others of a 409 are not."""


def answers_of(operation: Operation) -> Node:
    """Every answer by its status."""
    made: dict[str, Node] = {}
    for status, shape in operation.answers.items():
        made[str(status.value)] = _success(operation, status, shape)
    if operation.gives_etag:
        made["304"] = {
            "description": "It still is the version that If-None-Match names.",
            "headers": _headers("X-Request-Id", "RateLimit", "RateLimit-Policy", "ETag"),
        }
    for status, refusals in _refusals(operation).items():
        known = made.get(str(status.value))
        if known:
            known["content"] |= _problem(refusals)["content"]
        elif len(refusals) == 1:
            made[str(status.value)] = {"$ref": f"#/components/responses/{refusals[0].__name__}"}
        else:
            made[str(status.value)] = _problem(refusals)
    return dict(sorted(made.items()))


def components() -> Node:
    """What answers refer to: their headers, and the refusals that are the same everywhere."""
    refusals = sorted(STATUS, key=lambda refusal: refusal.__name__)
    return {
        "headers": _HEADERS,
        "responses": {refusal.__name__: _problem([refusal]) for refusal in refusals},
    }


def refusals_of(operation: Operation) -> set[type[AppointmentError]]:
    """Everything that the operation may refuse with: its own, and what may go wrong anywhere."""
    found = {errors.InvalidRequest, errors.RateLimited, errors.Unavailable, *operation.refuses}
    if operation.roles:
        found.add(errors.Unauthenticated)
    if operation.roles and operation.roles != set(Role):
        found.add(errors.Forbidden)
    if operation.body_model is not Nothing:
        found |= {errors.PayloadTooLarge, errors.UnsupportedMediaType}
    if operation.idempotency != "none":
        found |= {errors.RequestInProgress, errors.IdempotencyKeyReused}
    if operation.takes_if_match:
        found |= {errors.PreconditionFailed, errors.VersionConflict}
    return found


def _refusals(operation: Operation) -> dict[HTTPStatus, list[type[AppointmentError]]]:
    by_status: dict[HTTPStatus, list[type[AppointmentError]]] = {}
    for refusal in sorted(refusals_of(operation), key=lambda refusal: refusal.code):
        by_status.setdefault(STATUS[refusal], []).append(refusal)
    return by_status


def _success(operation: Operation, status: HTTPStatus, shape: type[Shape] | None) -> Node:
    names = ["X-Request-Id"]
    if operation.roles:
        names += ["RateLimit", "RateLimit-Policy"]
    if hasattr(shape, "with_etag") or operation.gives_etag:
        names.append("ETag")
    if status is HTTPStatus.CREATED and "{" not in operation.path:
        names.append("Location")
    if hasattr(shape, "expires_header"):
        names.append("Expires")
    if operation.idempotency != "none":
        names.append("Idempotent-Replayed")
    made: Node = {"description": status.phrase, "headers": _headers(*names)}
    if shape is not None:
        schema = {"$ref": f"#/components/schemas/{shape.__name__}"}
        made["content"] = {JSON: {"schema": schema}}
    elif operation.media_type != JSON:
        made["content"] = {operation.media_type.partition(";")[0]: {"schema": {"type": "string"}}}
    return made


def _problem(refusals: list[type[AppointmentError]]) -> Node:
    status = STATUS[refusals[0]]
    headers = _headers("X-Request-Id", "RateLimit", "RateLimit-Policy")
    if errors.Unauthenticated in refusals:
        headers |= _headers("WWW-Authenticate")
    if all(refusal in _WAITING for refusal in refusals):
        headers["Retry-After"] = {**_HEADERS["Retry-After"], "required": True}
    elif {errors.SlotHeld, errors.RequestInProgress, *_WAITING} & set(refusals):
        headers |= _headers("Retry-After")
    lines = [f"`{refusal.code}`: {refusal.detail}" for refusal in refusals]
    return {
        "description": "\n\n".join(lines),
        "headers": headers,
        "content": {PROBLEM: {"schema": _problem_schema(status, refusals)}},
    }


def _problem_schema(status: HTTPStatus, refusals: list[type[AppointmentError]]) -> Node:
    codes = [refusal.code for refusal in refusals]
    schema: Node = {
        "allOf": [_PROBLEM_SCHEMA],
        "properties": {"status": {"const": status.value}, "code": {"enum": codes}},
    }
    for code, member in (("invalid_request", "errors"), ("otp_invalid", "attemptsRemaining")):
        if codes == [code]:
            schema["required"] = [member]
        elif code in codes:
            schema["if"] = {"properties": {"code": {"const": code}}}
            schema["then"] = {"required": [member]}
    return schema


def _headers(*names: str) -> Node:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
