"""What a log line may hold: named fields only, none of them what a person or a driver wrote.

A list of what is allowed rather than of what is hidden: a field that somebody adds is left out
until it is named here, and in docs/privacy.md, which a test holds it to.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Mapping
from itertools import islice
from pathlib import PurePath
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

FIELDS = frozenset(
    {
        *("level", "location", "message", "timestamp", "service", "xray_trace_id", "traceId"),
        *("calls", "coldStart", "function_name", "function_memory_size", "function_arn"),
        *("function_request_id", "requestId", "gatewayRequestId", "userId"),
        *("code", "cause", "route", "policy", "status", "durationMs"),
        *("exception", "exception_name", "errorType"),
        *("collection", "documentId", "why", "attemptId", "messageId", "kind", "receives"),
        *("bookingId", "slotId", "causedBy"),
        *("fate", "refused", "sent", "recorded", "expired", "settled", "waiting", "keyId"),
        *("entries", "blocks", "head", "isOutrun", "step", "version", "changed", "unfit"),
        *("provider", "state"),
    }
)
IDS = frozenset(
    {
        *("requestId", "gatewayRequestId", "causedBy", "userId", "documentId", "messageId"),
        *("keyId", "attemptId", "bookingId", "slotId", "traceId"),
    }
)
_NAMES = {"cold_start": "coldStart"}
"""Powertools' own fields that are called as ours are."""
NOT_SHOWN = "(not shown)"
_ID = re.compile(r"[A-Za-z0-9_.:/=|-]{1,200}", re.ASCII)
_EVENT = re.compile(r"[a-z_]{1,40}(\.[a-z_]{1,40}){1,3}", re.ASCII)
_MOST_TEXT = 2_000
_MOST_ITEMS = 50
_MOST_CAUSES = 5
_MOST_FRAMES = 30


class AllowedOnly(LambdaPowertoolsFormatter):
    """One line of JSON in ASCII, whatever its fields hold: line ends and terminal codes too."""

    def __init__(self) -> None:
        super().__init__(serialize_stacktrace=False, json_serializer=_text_of)

    def serialize(self, log: Mapping[str, Any]) -> str:  # Any: what the caller logged
        told = {_NAMES.get(name, name): log[name] for name in log}
        return _text_of({name: _shown(name, told[name]) for name in told if name in FIELDS})

    def formatException(self, ei: Any) -> str:  # noqa: N802  # logging's own name
        """Kinds and places; not the words, in which drivers quote documents and statements."""
        return "\n".join(_told(ei[1]))


_ENCODER = json.JSONEncoder(default=lambda value: type(value).__name__, separators=(",", ":"))


def _text_of(line: object) -> str:
    return _ENCODER.encode(line)


def _shown(name: str, value: object) -> object:
    if name in IDS:
        return value if isinstance(value, str) and _ID.fullmatch(value) else NOT_SHOWN
    if name == "message":
        return value if isinstance(value, str) and _EVENT.fullmatch(value) else NOT_SHOWN
    return _bounded(value)


def _bounded(value: object) -> object:
    """Numbers and texts, not without end; of anything else its kind."""
    match value:
        case str():
            return value[:_MOST_TEXT]
        case bool() | int() | float() | None:
            return value
        case list() | tuple():
            return [_bounded(one) for one in value[:_MOST_ITEMS] if not _has_parts(one)]
        case dict():
            some = islice(value.items(), _MOST_ITEMS)
            return {str(k)[:100]: _bounded(v) for k, v in some if not isinstance(v, dict)}
    return type(value).__name__


def _has_parts(value: object) -> bool:
    return isinstance(value, list | tuple | dict)


def _told(error: BaseException | None) -> list[str]:
    lines: list[str] = []
    for _ in range(_MOST_CAUSES):
        if error is None:
            break
        frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
        lines.append(f"{type(error).__module__}.{type(error).__qualname__}")
        lines += [f"  {PurePath(f.filename).name}:{f.lineno} {f.name}" for f in frames]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines
