"""JSON as strictly as RFC 8259 and I-JSON (RFC 7493) have it; Python's parser takes more."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from slotkeeper.domain.errors import InvalidRequest

MAX_DEPTH = 20
LOST = "\ufffd"
"""What a gateway puts in the place of bytes that are no UTF-8; nobody writes it."""


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        InvalidRequest: not JSON, NaN or Infinity, a key twice, a lone surrogate, a character
            that was lost on the way, nested too deep.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest([], "The body is not valid JSON.") from error
    _check(value, MAX_DEPTH)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _check(value: Any, depth: int) -> None:
    if depth == 0:
        raise InvalidRequest([], "The body is nested too deep.")
    match value:
        case str():
            if any("\ud800" <= char <= "\udfff" for char in value):
                raise InvalidRequest([], "The body holds a lone surrogate.")
            if LOST in value:
                raise InvalidRequest([], "The body is not UTF-8.")
        case dict():
            for key, item in value.items():
                _check(key, depth)
                _check(item, depth - 1)
        case list():
            for item in value:
                _check(item, depth - 1)
