"""The secret that holds the keys of one-time codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from slotkeeper.domain.key_ring import KeyRing, OtpKey

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
Text = Annotated[str, Field(min_length=1, max_length=200)]


class _Key(BaseModel):
    # What is wrong is told without the key it is wrong with.
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid", strict=True)
    id: Text
    key: Text
    since: Annotated[AwareDatetime, Field(strict=False)]


class _Secret(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid", strict=True)
    keys: Annotated[list[_Key], Field(min_length=1)]


_BY_ID: TypeAdapter[dict[Text, Text]] = TypeAdapter(
    Annotated[dict[Text, Text], Field(min_length=1)],
    config=ConfigDict(hide_input_in_errors=True, strict=True),
)


def read_ring(text: str) -> KeyRing:
    """The ring: `{"keys": [{"id", "key", "since"}]}`.

    Or `{"<id>": "<key>"}`, as a new stack has it and as it was before there were rotations; the
    last is then in use.

    Raises:
        ValueError: neither; what is said of it does not tell a key.
    """
    found = json.loads(text)
    if isinstance(found, dict) and isinstance(found.get("keys"), list):
        keys = [
            OtpKey(id=one.id, key=one.key, since=one.since)
            for one in _Secret.model_validate_json(text).keys
        ]
    else:
        by_id = _BY_ID.validate_python(found)
        keys = [OtpKey(id=id_, key=key, since=_ALWAYS) for id_, key in by_id.items()]
    if len({key.id for key in keys}) < len(keys):
        raise ValueError("two keys of one id")
    return KeyRing(tuple(sorted(keys, key=lambda key: key.since)))


def text_of(ring: KeyRing) -> str:
    return json.dumps(
        {
            "keys": [
                {"id": key.id, "key": key.key, "since": key.since.isoformat()} for key in ring.keys
            ]
        }
    )
