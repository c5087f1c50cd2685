"""The events of API Gateway, SQS and the schedule, and a Lambda context, as AWS sends them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Event = dict[str, Any]  # Any: events are free JSON

PATIENT: Mapping[str, str] = {"userId": "alice", "role": "patient", "principalId": "alice"}
STAFF: Mapping[str, str] = {"userId": "carol", "role": "staff", "principalId": "carol"}
ADMIN: Mapping[str, str] = {"userId": "root", "role": "admin", "principalId": "root"}
REFUSED: Mapping[str, str] = {"refusal": "unauthenticated", "principalId": "anonymous"}
UNAVAILABLE: Mapping[str, str] = {"refusal": "unavailable", "principalId": "anonymous"}

GATEWAY_REQUEST_ID = "8f6b3a1e-5b0c-4f0e-9a70-3f1f6f6d2a11"
INVOCATION_ID = "5f0c2f6e-7d0a-4a37-8f8f-0f6f3f6d7b22"
METHOD_ARN = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/prod/POST/bookings"


@dataclass(frozen=True)
class Context:
    """A Lambda context with `remaining_ms` left."""

    remaining_ms: int = 15_000
    function_name: str = "slotkeeper-test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:slotkeeper-test"
    aws_request_id: str = INVOCATION_ID

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


def http_event(
    method: str,
    path: str,
    *,
    path_parameters: Mapping[str, str] | None = None,
    query: Sequence[tuple[str, str]] = (),
    headers: Sequence[tuple[str, str]] = (),
    body: object = None,
    text: str | None = None,
    is_base64: bool = False,
    authorizer: Mapping[str, str] | None = PATIENT,
) -> Event:
    """A request as API Gateway (REST, proxy integration) hands it on.

    `body` is sent as JSON with its media type, unless `headers` name one; `text` is sent as it is.
    """
    if body is not None:
        text = json.dumps(body)
    names = {name.lower() for name, _ in headers}
    if text is not None and "content-type" not in names:
        headers = [*headers, ("Content-Type", "application/json")]
    context: Event = {"requestId": GATEWAY_REQUEST_ID, "stage": "prod", "httpMethod": method}
    if authorizer is not None:
        context["authorizer"] = dict(authorizer)
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": dict(headers) or None,
        "multiValueHeaders": _many(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _many(query),
        "pathParameters": dict(path_parameters) if path_parameters else None,
        "stageVariables": None,
        "requestContext": context,
        "body": base64.b64encode(text.encode()).decode() if is_base64 and text else text,
        "isBase64Encoded": is_base64,
    }


def id_event(method: str, template: str, id_: str, **parts: Any) -> Event:  # Any: of http_event
    """A request whose path's `{id}` is `id_`."""
    path = template.replace("{id}", quote(id_, safe=""))
    return http_event(method, path, path_parameters={"id": id_}, **parts)


def authorizer_event(
    *authorizations: str,
    single_headers: bool = False,
    source_ip: str = "203.0.113.7",
    more_headers: Sequence[tuple[str, str]] = (),
) -> Event:
    """What a REQUEST authorizer is asked, with these `Authorization` headers."""
    headers = [
        ("Host", "api.example.org"),
        *(("authorization", v) for v in authorizations),
        *more_headers,
    ]
    return {
        "type": "REQUEST",
        "methodArn": METHOD_ARN,
        "resource": "/bookings",
        "path": "/bookings",
        "httpMethod": "POST",
        "headers": dict(headers),
        "multiValueHeaders": None if single_headers else _many(headers),
        "requestContext": {
            "requestId": GATEWAY_REQUEST_ID,
            "identity": {"sourceIp": source_ip},
        },
    }


def sqs_event(*bodies: str) -> Event:
    """A batch; the message ids are m0, m1, ..."""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": "handle",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
            }
            for number, body in enumerate(bodies)
        ]
    }


def header_of(answer: Mapping[str, Any], name: str) -> str | None:
    """The one value of a header of an answer in the shape of API Gateway."""
    values = [
        value
        for key, many in answer["multiValueHeaders"].items()
        if key.lower() == name.lower()
        for value in many
    ]
    assert len(values) <= 1, values
    return values[0] if values else None


def _many(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]] | None:
    many: dict[str, list[str]] = {}
    for name, value in pairs:
        many.setdefault(name, []).append(value)
    return many or None
