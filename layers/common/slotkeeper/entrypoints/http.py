"""HTTP: one way in (strict parsing, the caller), one way out (bodies, problems, headers)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from slotkeeper.contracts.http import Request, problem, read
from slotkeeper.contracts.json_text import parse_json
from slotkeeper.domain import errors
from slotkeeper.domain.errors import AppointmentError, InvalidRequest
from slotkeeper.domain.user import Caller, Role
from slotkeeper.entrypoints.observability import logger

MAX_BODY_BYTES = 16 * 1024

STATUS: Mapping[type[AppointmentError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
    errors.PayloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.SlotHeld: HTTPStatus.CONFLICT,
    errors.SlotUnavailable: HTTPStatus.CONFLICT,
    errors.RequestInProgress: HTTPStatus.CONFLICT,
    errors.HoldExpired: HTTPStatus.GONE,
    errors.SlotInPast: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.OtpInvalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.OtpLocked: HTTPStatus.TOO_MANY_REQUESTS,
    errors.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TooManyHolds: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

_KEY = re.compile(r"[A-Za-z0-9_.:-]{16,128}", re.ASCII)
_SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=63072000",
}


class App(APIGatewayRestResolver):
    """The Powertools resolver with our parsing, caller and problems; routes as usual."""

    def resolve(self, event: Any, context: Any) -> dict[str, Any]:
        answer = super().resolve(event, context)
        answer.setdefault("multiValueHeaders", {})["X-Request-Id"] = [context.aws_request_id]
        return answer

    # --- what came in

    @property
    def request_id(self) -> str:
        """The invocation's own id, never one the client chose: no two requests share it.

        (The gateway's is not unique everywhere: `sam local` gives every request the same.)
        """
        return str(self.lambda_context.aws_request_id)

    def caller(self, *allowed: Role) -> Caller:
        """Who calls, as the authorizer found.

        Raises:
            Unauthenticated, Unavailable: as the authorizer says; Forbidden: role not in `allowed`.
        """
        context = self.current_event.raw_event.get("requestContext") or {}
        found = context.get("authorizer") or {}
        if found.get("refusal") == errors.Unavailable.code:
            raise errors.Unavailable
        user_id, role = found.get("userId"), found.get("role")
        if not user_id or role not in list(Role):
            raise errors.Unauthenticated
        if role not in allowed:
            raise errors.Forbidden
        logger.append_keys(userId=user_id)
        return Caller(user_id=user_id, role=Role(role))

    def body(self, model: type[Request]) -> Request:
        """The JSON body. Raises InvalidRequest, PayloadTooLarge, UnsupportedMediaType."""
        value = parse_json(self._body_text())
        if not isinstance(value, dict):
            raise InvalidRequest([("", "must be a JSON object")])
        return read(model, value)

    def path(self, model: type[Request]) -> Request:
        """The path's parameters. Raises InvalidRequest."""
        return read(model, self.current_event.raw_event.get("pathParameters") or {})

    def query(self, model: type[Request]) -> Request:
        """The query's parameters, each at most once. Raises InvalidRequest."""
        event = self.current_event.raw_event
        given = event.get("multiValueQueryStringParameters") or {}
        twice = [(name, "given more than once") for name, all_ in given.items() if len(all_) > 1]
        if twice:
            raise InvalidRequest(twice)
        return read(model, event.get("queryStringParameters") or {})

    def idempotency_key(self) -> str:
        """The `Idempotency-Key`, bare or quoted (RFC 9651 string). Raises InvalidRequest."""
        values = self._header_values("idempotency-key")
        key = values[0] if len(values) == 1 else ""
        if len(key) > 1 and key[0] == key[-1] == '"':
            key = key[1:-1]
        if not _KEY.fullmatch(key):
            raise InvalidRequest(
                [("Idempotency-Key", "required once: 16 to 128 of A-Z a-z 0-9 _ . : -")]
            )
        return key

    def fingerprint(self) -> str:
        """What an idempotency key stands for: method, path and what the body means."""
        event = self.current_event.raw_event
        meaning = json.dumps(parse_json(self._body_text()), sort_keys=True)
        text = "\n".join([event["httpMethod"], event["path"], meaning])
        return hashlib.sha256(text.encode()).hexdigest()

    def _body_text(self) -> str:
        event = self.current_event.raw_event
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
        event = self.current_event.raw_event
        many = event.get("multiValueHeaders") or {
            key: [value] for key, value in (event.get("headers") or {}).items()
        }
        return [v for key, values in many.items() if key.lower() == name for v in values]


def create_app() -> App:
    """A resolver that answers every refusal itself, as the contract says."""
    app = App()

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
