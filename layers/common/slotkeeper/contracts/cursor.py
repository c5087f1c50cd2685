"""Cursors: where the next page begins, opaque to clients and bound to what was asked."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

from slotkeeper.domain.errors import InvalidRequest
from slotkeeper.ports.pages import Position

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)
"""A fact's id is its slot's and a number."""


def encode_cursor(position: Position, query: str) -> str:
    """A cursor for the page after `position` of the list that `query` names."""
    key = position.key
    place = round(key.timestamp() * 1000) if isinstance(key, datetime) else key
    fields = [place, position.id, _digest(query)]
    return (
        base64.urlsafe_b64encode(json.dumps(fields, ensure_ascii=False).encode())
        .decode()
        .rstrip("=")
    )


def decode_cursor(cursor: str, query: str, key: type[datetime | str] = datetime) -> Position:
    """The position a cursor stands for, in a list ordered by `key`.

    Raises:
        InvalidRequest: not a cursor of ours, or of another query.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        fields = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        place, id_, digest = fields
        # Cursors are no secrets: the digest only tells whose list it is.
        is_of_query = digest == _digest(query)  # nosemgrep: compare-in-constant-time  # no secret
        if not (type(id_) is str and _ID.fullmatch(id_) and is_of_query):
            raise ValueError("not a cursor of this query")
        return Position(key=_key(place, key), id=id_)
    except (ValueError, TypeError, OverflowError, OSError, binascii.Error) as error:
        raise InvalidRequest([("cursor", "not a cursor of this list")]) from error


def _key(place: Any, key: type[datetime | str]) -> datetime | str:
    if key is datetime and type(place) is int:
        return datetime.fromtimestamp(place / 1000, UTC)
    if key is str and type(place) is str:
        place.encode()  # a lone surrogate is no name
        return place
    raise ValueError("not a key of this list")


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()[:16]
