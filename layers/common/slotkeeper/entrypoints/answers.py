"""What goes out: answers, problems, and the headers of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import Response as Response  # noqa: PLC0414  # re-exported

from slotkeeper.contracts.problems import problem
from slotkeeper.domain import errors
from slotkeeper.domain.errors import AppointmentError, InvalidRequest
from slotkeeper.entrypoints.observability import logger
from slotkeeper.entrypoints.operation import JSON, STATUS, Call

if TYPE_CHECKING:
    from slotkeeper.ports.pages import KeptPage

SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer, also those of the gateway itself (template.yaml, GatewayResponses): not to be
kept, framed, run, sniffed or told on, and never again to be asked for in the clear."""


def answer(
    status: HTTPStatus,
    text: str | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    media_type: str = JSON,
) -> Response[str]:
    """A successful answer; `text` is JSON, unless `media_type` says otherwise."""
    return Response(
        status_code=status,
        content_type=media_type if text is not None else None,
        body=text or "",
        headers={**SAFE_HEADERS, **(headers or {})},
    )


def kept_answer(call: Call[Any, Any, Any], page: KeptPage) -> Response[str]:
    """The page, or 304 for who has it already; a browser keeps it, but asks again each time."""
    headers = {"ETag": page.etag, "Cache-Control": "private, no-cache"}
    if call.if_none_match & {page.etag, "*"}:
        return answer(HTTPStatus.NOT_MODIFIED, None, headers)
    return answer(HTTPStatus.OK, page.text, headers)


def rate_limit_headers(authorizer: Mapping[str, Any]) -> dict[str, str]:
    """The caller's allowance (draft-ietf-httpapi-ratelimit-headers), as the authorizer found it."""
    named = {"RateLimit-Policy": "rateLimitPolicy", "RateLimit": "rateLimit"}
    return {name: str(authorizer[key]) for name, key in named.items() if key in authorizer}


def refusal(error: AppointmentError, request_id: str) -> Response[str]:
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
    return problem_answer(document, headers)


def problem_answer(document: Mapping[str, Any], headers: Mapping[str, str]) -> Response[str]:
    return Response(
        status_code=document["status"],
        content_type="application/problem+json",
        body=json.dumps(document),
        headers={**SAFE_HEADERS, **headers},
    )
