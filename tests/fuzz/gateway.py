"""API Gateway in this process: the real authorizer and the real handlers, none of the emulator.

What `template.yaml` says of routes is what handlers declare (tests/template hold them to each
other). A path's segments and parameters are decoded as API Gateway decodes them; a body that is no
UTF-8 arrives with what was lost replaced; a route that is not there is its own problem document.
"""

from __future__ import annotations

import importlib
import json
import time
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from slotkeeper.contracts.problems import problem
from slotkeeper.domain.errors import NotFound
from tests.fuzz.wire import Answer, Headers, Sent
from tests.support.aws_events import Context
from tests.support.routes import FUNCTIONS, operations_of

Event = dict[str, Any]  # Any: events are free JSON
Handler = Callable[[Event, Any], Any]

TIME_MS = 20_000
NOWHERE = "nowhere"
"""The route of a request that no route is for."""


class Gateway:
    """`last_route` is where the last request went, as the template writes it."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, ...], dict[str, Handler]] = {}
        self._needs_token: set[str] = set()
        self._authorize: Handler = _handler_of("authorize")
        self.last_route = NOWHERE
        for folder in sorted(path.parent.name for path in FUNCTIONS.glob("*/app.py")):
            for operation in operations_of(folder):
                methods = self._routes.setdefault(_segments(operation.path), {})
                methods[operation.method] = _handler_of(folder)
                if operation.roles:
                    self._needs_token.add(f"{operation.method} {operation.path}")

    @property
    def routes(self) -> list[str]:
        return [f"{m} /{'/'.join(path)}" for path, ms in self._routes.items() for m in ms]

    def __call__(self, sent: Sent) -> Answer:
        started = time.perf_counter()
        answer = self._answer(sent)
        took = (time.perf_counter() - started) * 1000
        return Answer(status=answer.status, headers=answer.headers, body=answer.body, ms=took)

    def _answer(self, sent: Sent) -> Answer:
        path, _, query = sent.target.partition("?")
        found = self._match(_segments(path))
        template, parameters = found or ((), {})
        handler = self._routes.get(template, {}).get(sent.method)
        if handler is None:
            self.last_route = NOWHERE
            return _no_such_route()
        resource = f"/{'/'.join(template)}"
        self.last_route = f"{sent.method} {resource}"
        event = _event(sent, path, query, resource, parameters)
        if self.last_route in self._needs_token:
            verdict = self._authorize({**event, **_AUTHORIZER}, _context())
            event["requestContext"]["authorizer"] = verdict["context"]
        # As between API Gateway and Lambda: what is no JSON does not get there, nor back.
        event = json.loads(json.dumps(event))
        answer = json.loads(json.dumps(handler(event, _context())))
        return Answer(
            status=int(answer["statusCode"]),
            headers=_headers_of(answer),
            body=str(answer.get("body") or "").encode(),
        )

    def _match(self, segments: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, str]] | None:
        best: tuple[int, tuple[str, ...], dict[str, str]] | None = None
        for template in self._routes:
            taken = _taken(template, segments)
            if taken is not None and (best is None or len(taken) < best[0]):
                best = (len(taken), template, taken)
        return None if best is None else best[1:]


_AUTHORIZER = {
    "type": "REQUEST",
    "methodArn": "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/prod/GET/any",
}


def _handler_of(folder: str) -> Handler:
    handler: Handler = importlib.import_module(f"functions.{folder}.app").lambda_handler
    return handler


def _context() -> Context:
    return Context(remaining_ms=TIME_MS, aws_request_id=str(uuid.uuid4()))


def _segments(path: str) -> tuple[str, ...]:
    # API Gateway takes /bookings/ for /bookings; an empty segment elsewhere is one.
    return tuple(path.removeprefix("/").removesuffix("/").split("/"))


def _taken(template: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    taken: dict[str, str] = {}
    for wanted, given in zip(template, segments, strict=True):
        if wanted.startswith("{") and given:
            taken[wanted.strip("{}")] = unquote(given, errors="replace")
        elif wanted != unquote(given, errors="replace"):
            return None
    return taken


def _event(
    sent: Sent, path: str, query: str, resource: str, parameters: Mapping[str, str]
) -> Event:
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace", max_num_fields=None)
    return {
        "resource": resource,
        "path": path,
        "httpMethod": sent.method,
        "headers": dict(sent.headers) or None,
        "multiValueHeaders": _many(sent.headers),
        "queryStringParameters": dict(pairs) or None,
        "multiValueQueryStringParameters": _many(tuple(pairs)),
        "pathParameters": dict(parameters) or None,
        "stageVariables": None,
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "stage": "prod",
            "httpMethod": sent.method,
            "resourcePath": resource,
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": sent.body.decode(errors="replace") if sent.body else None,
        "isBase64Encoded": False,
    }


def _many(pairs: Headers) -> dict[str, list[str]] | None:
    many: dict[str, list[str]] = {}
    for name, value in pairs:
        many.setdefault(name, []).append(value)
    return many or None


def _headers_of(answer: Mapping[str, Any]) -> Headers:
    many = answer.get("multiValueHeaders") or {}
    single = answer.get("headers") or {}
    return (
        *((name, str(value)) for name, values in many.items() for value in values),
        *((name, str(value)) for name, value in single.items()),
    )


def _no_such_route() -> Answer:
    request_id = str(uuid.uuid4())
    document = problem(
        status=HTTPStatus.NOT_FOUND,
        code=NotFound.code,
        detail=NotFound.detail,
        request_id=request_id,
        more={},
    )
    headers = (("Content-Type", "application/problem+json"), ("X-Request-Id", request_id))
    return Answer(status=404, headers=headers, body=json.dumps(document).encode())
