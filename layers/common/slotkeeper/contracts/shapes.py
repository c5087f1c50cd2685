"""What every body and parameter has in common: camelCase, strict types, nothing unknown let in."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from slotkeeper.domain.errors import InvalidRequest

MAX_ERRORS = 20
"""Fields that one refusal names: a body of nothing but mistakes gets no longer one in return."""
_NAME = re.compile(r"[\w$.\[\]-]{1,64}", re.ASCII)
_NO_NAME = "?"
_MESSAGES = {
    # The library's own words quote the expression that the text did not match.
    "string_pattern_mismatch": "not in the form that this field has",
    "string_unicode": "not valid Unicode",
}

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


def utc_text(instant: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond (what MongoDB keeps)."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Instant = Annotated[
    datetime,
    PlainSerializer(utc_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""A time in an answer."""


class Shape(BaseModel):
    """What we send."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, from_attributes=True, extra="forbid"
    )

    def to_text(self) -> str:
        return self.model_dump_json(by_alias=True)


class Request(BaseModel):
    """What clients send: names as in the contract, types as they are in JSON."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=False, extra="forbid", strict=True
    )

    def meaning(self) -> str:
        """The same text for requests that mean the same; what was left out is not what was null."""
        return self.model_dump_json(by_alias=True, exclude_unset=True)


class Nothing(Request):
    """No parameter, no body."""


Read = TypeVar("Read", bound=Request)


def read(model: type[Read], value: Any) -> Read:
    """The request that `value` (parsed JSON, or parameters) is.

    Raises:
        InvalidRequest: with one error for each field that is wrong; never echoes the value.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
        raise InvalidRequest(
            [
                (shown(*wrong["loc"]), _MESSAGES.get(wrong["type"]) or _plain(wrong))
                for wrong in told
            ]
        ) from error


def shown(*place: str | int) -> str:
    """A field as an error names it; a name that a client made up is not repeated at any length."""
    return ".".join(p if _NAME.fullmatch(p) else _NO_NAME for p in map(str, place))


def _plain(wrong: Any) -> str:  # Any: pydantic's ErrorDetails
    return str(wrong["msg"]).removeprefix("Value error, ")


class IdPath(Request):
    """`{id}`: API Gateway allows one name for a variable at a place in the path."""

    id: Id


# --- parameters that are text ---------------------------------------------------------------------


def whole_number(value: Any) -> Any:
    """The number that a parameter is; int() would take "1_000", " 5 ", digits of other scripts."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    return value


def _calendar_date(value: str) -> str:
    # fromisoformat() would take week dates and dates without hyphens.
    try:
        if date.fromisoformat(value).isoformat() == value:
            return value
    except ValueError:
        pass
    raise ValueError("not a date like 2026-01-31")


_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_NO_TIME = "not a time with its offset, like 2026-01-31T09:00:00Z"


def _instant(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not _RFC_3339.fullmatch(value):
        raise ValueError(_NO_TIME)
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(_NO_TIME) from None


CalendarDate = Annotated[
    str,
    Field(max_length=10),
    AfterValidator(_calendar_date),
    WithJsonSchema({"type": "string", "format": "date"}),
]
InstantText = Annotated[datetime, BeforeValidator(_instant)]


# --- pages ----------------------------------------------------------------------------------------
