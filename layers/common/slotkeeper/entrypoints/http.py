"""HTTP: one way in (strict parsing, the caller), one way out (bodies, problems, headers)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from slotkeeper.contracts.json_text import parse_json
from slotkeeper.contracts.problems import problem
from slotkeeper.contracts.shapes import Nothing, Read, Request, Shape, read
from slotkeeper.domain import errors
from slotkeeper.domain.attempt import request_key
from slotkeeper.domain.errors import AppointmentError, InvalidRequest
from slotkeeper.domain.user import Caller, Role
from slotkeeper.entrypoints.observability import logger
from slotkeeper.entrypoints.operation import STATUS, Body, Call, Operation, Path, Query
from slotkeeper.entrypoints.replay import once
from slotkeeper.ports import RequestMemory

MAX_BODY_BYTES = 16 * 1024

_KEY = re.compile(r"[A-Za-z0-9_.:-]{16,128}", re.ASCII)
_ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e]{0,128}"', re.ASCII)
_VERSION_TAG = re.compile(r'"([1-9][0-9]{0,8})"', re.ASCII)
ANYBODY = Caller(user_id="anybody", role=Role.PATIENT)
"""Who calls a route that needs no token."""
_SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=63072000",
}


class App(APIGatewayRestResolver):
    """The Powertools resolver with our parsing, caller and problems.

    Routes are declared by `operation`: what a handler is given has been read with the very models
    that the OpenAPI document is made of.
    """

    def __init__(self, requests: Callable[[], RequestMemory] | None = None) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self._requests = requests

    def resolve(self, event: Any, context: Any) -> dict[str, Any]:
        answer = super().resolve(event, context)
        headers = answer.setdefault("multiValueHeaders", {})
        headers["X-Request-Id"] = [context.aws_request_id]
        for name, value in rate_limit_headers(self._authorizer(event)).items():
            headers[name] = [value]
        return answer

    def operation(
        self,
        method: str,
        path: str,
        *,
        roles: Iterable[Role],
        path_model: type[Path] = Nothing,  # type: ignore[assignment]  # the default of a parameter
        query_model: type[Query] = Nothing,  # type: ignore[assignment]
        body_model: type[Body] = Nothing,  # type: ignore[assignment]
        answers: Mapping[HTTPStatus, type[Shape] | None],
        refuses: Sequence[type[AppointmentError]] = (),
        idempotency: Literal["required", "honoured", "none"] = "none",
        takes_if_match: bool = False,
    ) -> Callable[[Callable[[Call[Path, Query, Body]], Response[str]]], None]:
        """Declare what a route takes and answers; the handler gets the request read and checked.

        Where an idempotency key is `honoured`, a request repeated with its key is answered from
        memory (`entrypoints.replay`); where it is `required`, the handler sees to that itself.
        """

        def declare(handler: Callable[[Call[Path, Query, Body]], Response[str]]) -> None:
            operation = Operation(
                name=handler.__name__,
                method=method,
                path=path,
                summary=(handler.__doc__ or "").strip(),
                roles=frozenset(roles),
                path_model=path_model,
                query_model=query_model,
                body_model=body_model,
                answers=answers,
                refuses=tuple(refuses),
                idempotency=idempotency,
                takes_if_match=takes_if_match,
            )
            self.operations.append(operation)

            def serve(**_: str) -> Response[str]:
                call: Call[Path, Query, Body] = Call(
                    # In this order: who may not call learns nothing of what is wrong.
                    caller=self._caller(operation.roles),
                    idempotency_key=self._idempotency_key(operation),
                    path=read(path_model, self._event.get("pathParameters") or {}),
                    query=self._query(query_model),
                    body=self._body(body_model),
                    request_id=self.request_id,
                    request_key="",
                    fingerprint=self._fingerprint(operation),
                    if_match=self._if_match() if takes_if_match else None,
                )
                key = call.idempotency_key
                call = replace(
                    call,
                    request_key=request_key(call.caller.user_id, key) if key else call.request_id,
                )
                if key is None or idempotency != "honoured" or self._requests is None:
                    return handler(call)
                return once(call, lambda: handler(call), self._requests())

            self.route(re.sub(r"{(\w+)}", r"<\1>", path), method)(serve)

        return declare

    # --- what came in

    @property
    def request_id(self) -> str:
        """The invocation's own id, never one the client chose: no two requests share it.

        (The gateway's is not unique everywhere: `sam local` gives every request the same.)
        """
        return str(self.lambda_context.aws_request_id)

    @property
    def _event(self) -> dict[str, Any]:
        return self.current_event.raw_event

    @staticmethod
    def _authorizer(event: Mapping[str, Any]) -> Mapping[str, Any]:
        return (event.get("requestContext") or {}).get("authorizer") or {}

    def _caller(self, allowed: frozenset[Role]) -> Caller:
        """Who calls, as the authorizer found; anybody where `allowed` is empty.

        Raises:
            Unauthenticated, Unavailable, RateLimited: as the authorizer says.
            Forbidden: role not in `allowed`.
        """
        if not allowed:
            return ANYBODY
        found = self._authorizer(self._event)
        if found.get("refusal") == errors.Unavailable.code:
            raise errors.Unavailable
        if found.get("refusal") == errors.RateLimited.code:
            raise errors.RateLimited(retry_after_seconds=int(found.get("retryAfter") or 1))
        user_id, role = found.get("userId"), found.get("role")
        if not user_id or role not in list(Role):
            raise errors.Unauthenticated
        if role not in allowed:
            raise errors.Forbidden
        logger.append_keys(userId=user_id)
        return Caller(user_id=user_id, role=Role(role))

    def _body(self, model: type[Read]) -> Read:
        """The JSON body. Raises InvalidRequest, PayloadTooLarge, UnsupportedMediaType."""
        if model is Nothing:
            return model()
        if not self._event.get("body") and not _required(model):
            return read(model, {})
        value = parse_json(self._body_text())
        if not isinstance(value, dict):
            raise InvalidRequest([("", "must be a JSON object")])
        return read(model, value)

    def _query(self, model: type[Read]) -> Read:
        """The query's parameters, each at most once. Raises InvalidRequest."""
        given = self._event.get("multiValueQueryStringParameters") or {}
        twice = [(name, "given more than once") for name, all_ in given.items() if len(all_) > 1]
        if twice:
            raise InvalidRequest(twice)
        return read(model, self._event.get("queryStringParameters") or {})

    def _idempotency_key(self, operation: Operation) -> str | None:
        """The `Idempotency-Key`, bare or quoted (RFC 9651 string). Raises InvalidRequest."""
        values = self._header_values("idempotency-key")
        if operation.idempotency == "none" or (operation.idempotency == "honoured" and not values):
            return None
        key = values[0] if len(values) == 1 else ""
        if len(key) > 1 and key[0] == key[-1] == '"':
            key = key[1:-1]
        if not _KEY.fullmatch(key):
            raise InvalidRequest(
                [("Idempotency-Key", "at most once: 16 to 128 of A-Z a-z 0-9 _ . : -")]
            )
        return key

    def _fingerprint(self, operation: Operation) -> str:
        """What an idempotency key stands for: method, path, query and what the body means."""
        event = self._event
        has_body = operation.body_model is not Nothing and event.get("body")
        meaning = {
            "body": parse_json(self._body_text()) if has_body else None,
            "query": event.get("queryStringParameters") or {},
        }
        text = "\n".join([event["httpMethod"], event["path"], json.dumps(meaning, sort_keys=True)])
        return hashlib.sha256(text.encode()).hexdigest()

    def _if_match(self) -> frozenset[int] | None:
        """The versions that `If-Match` (RFC 9110) allows; None for any. Raises InvalidRequest."""
        text = ",".join(self._header_values("if-match"))
        if not text.strip() or text.strip() == "*":
            return None
        tags = [tag.strip() for tag in text.split(",")]
        if not all(_ETAG.fullmatch(tag) for tag in tags):
            raise InvalidRequest([("If-Match", 'must be entity tags, like "3"')])
        # A weak tag, or one we never gave, is well-formed and matches nothing.
        ours = (_VERSION_TAG.fullmatch(tag) for tag in tags)
        return frozenset(int(found[1]) for found in ours if found)

    def _body_text(self) -> str:
        event = self._event
        body = event.get("body") or ""
        media_types = self._header_values("content-type")
        media_type = media_types[0].partition(";")[0].strip().lower() if media_types else ""
        if media_type != "application/json" or self._header_values("content-encoding"):
            raise errors.UnsupportedMediaType
        if len(body) > MAX_BODY_BYTES * 2:
            raise errors.PayloadTooLarge
        try:
            raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else None
            text = body if raw is None else raw.decode()
            size = len(text.encode())
        except ValueError as error:
            raise InvalidRequest([], "The body is not UTF-8.") from error
        if size > MAX_BODY_BYTES:
            raise errors.PayloadTooLarge
        return text

    def _header_values(self, name: str) -> list[str]:
        event = self._event
        many = event.get("multiValueHeaders") or {
            key: [value] for key, value in (event.get("headers") or {}).items()
        }
        return [v for key, values in many.items() if key.lower() == name for v in values]


def create_app(requests: Callable[[], RequestMemory] | None = None) -> App:
    """A resolver that answers every refusal itself, as the contract says.

    `requests` makes the memory of idempotency keys, for routes that honour them.
    """
    app = App(requests)

    @app.exception_handler(AppointmentError)  # type: ignore[untyped-decorator]  # Powertools' own
    def refuse(error: AppointmentError) -> Response[str]:
        return _refusal(error, app.request_id)

    @app.exception_handler(Exception)  # type: ignore[untyped-decorator]  # Powertools' own
    def fail(error: Exception) -> Response[str]:
        # The one place that catches everything: a caller never sees what went wrong inside.
        logger.exception("invocation.failed", errorType=type(error).__name__)
        return _problem(
            problem(
                status=HTTPStatus.INTERNAL_SERVER_ERROR,
                code="internal_error",
                detail="Something went wrong on our side.",
                request_id=app.request_id,
                more={},
            ),
            {},
        )

    @app.not_found
    def no_route(_: NotFoundError) -> Response[str]:
        return _refusal(errors.NotFound(), app.request_id)

    return app


def answer(
    status: HTTPStatus, text: str | None = None, headers: Mapping[str, str] | None = None
) -> Response[str]:
    """A successful answer; `text` is JSON."""
    return Response(
        status_code=status,
        content_type="application/json" if text is not None else None,
        body=text or "",
        headers={**_SAFE_HEADERS, **(headers or {})},
    )


def rate_limit_headers(authorizer: Mapping[str, Any]) -> dict[str, str]:
    """The caller's allowance (draft-ietf-httpapi-ratelimit-headers), as the authorizer found it."""
    named = {"RateLimit-Policy": "rateLimitPolicy", "RateLimit": "rateLimit"}
    return {name: str(authorizer[key]) for name, key in named.items() if key in authorizer}


def _required(model: type[Request]) -> bool:
    return any(field.is_required() for field in model.model_fields.values())


def _refusal(error: AppointmentError, request_id: str) -> Response[str]:
    more: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, InvalidRequest):
        more["errors"] = [{"field": f, "message": m} for f, m in error.errors]
    if isinstance(error, errors.OtpInvalid):
        more["attemptsRemaining"] = error.attempts_remaining
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    # The cause by its type only: drivers' messages quote documents, addresses and statements.
    logger.info("request.refused", code=error.code, cause=type(error.__cause__).__name__)
    status = STATUS[type(error)]
    document = problem(
        status=status, code=error.code, detail=error.detail, request_id=request_id, more=more
    )
    return _problem(document, headers)


def _problem(document: Mapping[str, Any], headers: Mapping[str, str]) -> Response[str]:
    return Response(
        status_code=document["status"],
        content_type="application/problem+json",
        body=json.dumps(document),
        headers={**_SAFE_HEADERS, **headers},
    )
