"""What came in: the caller, parameters, body and headers of a request, read strictly."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slotkeeper.contracts.json_text import parse_json
from slotkeeper.contracts.shapes import MAX_ERRORS, Nothing, Read, Request, read, shown
from slotkeeper.domain import errors
from slotkeeper.domain.errors import InvalidRequest
from slotkeeper.domain.user import Caller, Role
from slotkeeper.entrypoints.observability import logger

if TYPE_CHECKING:
    from slotkeeper.entrypoints.operation import Operation

MAX_BODY_BYTES = 16 * 1024
_KEY = re.compile(r"[A-Za-z0-9_.:-]{16,128}", re.ASCII)
_ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e]{0,128}"', re.ASCII)
_VERSION_TAG = re.compile(r'"([1-9][0-9]{0,8})"', re.ASCII)
ANYBODY = Caller(user_id="anybody", role=Role.PATIENT)
"""Who calls a route that needs no token."""


class Incoming:
    """One event of API Gateway (REST, proxy integration)."""

    def __init__(self, event: Mapping[str, Any]):  # Any: events are free JSON
        self._event = event

    def path(self, model: type[Read]) -> Read:
        """The path's parameters. Raises InvalidRequest."""
        return read(model, self._event.get("pathParameters") or {})

    def caller(self, allowed: frozenset[Role]) -> Caller:
        """Who calls, as the authorizer found; anybody where `allowed` is empty.

        Raises:
            Unauthenticated, Unavailable, RateLimited: as the authorizer says.
            Forbidden: role not in `allowed`.
        """
        if not allowed:
            return ANYBODY
        found = authorizer_of(self._event)
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

    def body(self, model: type[Read]) -> Read:
        """The JSON body. Raises InvalidRequest, PayloadTooLarge, UnsupportedMediaType."""
        if len(self._event.get("body") or "") > MAX_BODY_BYTES * 2:
            raise errors.PayloadTooLarge
        if model is Nothing:
            return model()
        # A PUT without a body would remove everything, which nobody means.
        may_be_absent = not _required(model) and self._event["httpMethod"] != "PUT"
        if may_be_absent and not self._event.get("body"):
            return read(model, {})
        value = parse_json(self._body_text())
        if not isinstance(value, dict):
            raise InvalidRequest([("", "must be a JSON object")])
        return read(model, value)

    def query(self, model: type[Read]) -> Read:
        """The query's parameters, each at most once. Raises InvalidRequest."""
        given = self._event.get("multiValueQueryStringParameters") or {}
        twice = [name for name, all_ in given.items() if len(all_) > 1][:MAX_ERRORS]
        if twice:
            raise InvalidRequest([(shown(name), "given more than once") for name in twice])
        return read(model, self._event.get("queryStringParameters") or {})

    def idempotency_key(self, operation: Operation) -> str | None:
        """The `Idempotency-Key`, bare or quoted (RFC 9651 string). Raises InvalidRequest."""
        values = self._header_values("idempotency-key")
        if operation.idempotency == "none" or (operation.idempotency == "honoured" and not values):
            return None
        key = values[0] if len(values) == 1 else ""
        if len(key) > 1 and key[0] == key[-1] == '"':
            key = key[1:-1]
        if not _KEY.fullmatch(key):
            how = "required" if operation.idempotency == "required" else "at most"
            raise InvalidRequest(
                [("Idempotency-Key", f"{how} once: 16 to 128 of A-Z a-z 0-9 _ . : -")]
            )
        return key

    def fingerprint(self, body: Request, query: Request) -> str:
        """What an idempotency key stands for: method, path, and what query and body mean."""
        event = self._event
        meaning = [event["httpMethod"], event["path"], body.meaning(), query.meaning()]
        return hashlib.sha256("\n".join(meaning).encode()).hexdigest()

    def if_match(self) -> frozenset[int] | None:
        """The versions that `If-Match` (RFC 9110) allows; None for any. Raises InvalidRequest."""
        values = self._header_values("if-match")
        text = ",".join(values)
        if not values or text.strip() == "*":
            return None
        tags = [tag.strip() for tag in text.split(",")]
        if not all(_ETAG.fullmatch(tag) for tag in tags):
            raise InvalidRequest([("If-Match", 'must be entity tags, like "3"')])
        # A weak tag, or one we never gave, is well-formed and matches nothing.
        ours = (_VERSION_TAG.fullmatch(tag) for tag in tags)
        return frozenset(int(found[1]) for found in ours if found)

    def if_none_match(self) -> frozenset[str]:
        """The tags in `If-None-Match`, weak ones as their strong ones; what is none is no match."""
        text = ",".join(self._header_values("if-none-match"))
        if text.strip() == "*":
            return frozenset("*")
        return frozenset(found[0].removeprefix("W/") for found in _ETAG.finditer(text))

    def _body_text(self) -> str:
        event = self._event
        body = event.get("body") or ""
        media_types = self._header_values("content-type")
        media_type = (
            media_types[0].partition(";")[0].strip().lower() if len(media_types) == 1 else ""
        )
        if media_type != "application/json" or self._header_values("content-encoding"):
            raise errors.UnsupportedMediaType
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


def authorizer_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the authorizer said of the request."""
    return (event.get("requestContext") or {}).get("authorizer") or {}


def _required(model: type[Request]) -> bool:
    return any(field.is_required() for field in model.model_fields.values())
