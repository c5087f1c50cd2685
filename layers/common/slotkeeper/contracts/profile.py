"""Body and answer of /me."""

from __future__ import annotations

import re
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, WithJsonSchema

from slotkeeper.contracts.holds import ChannelName
from slotkeeper.contracts.shapes import Request, Shape
from slotkeeper.domain.user import Channel, User
from slotkeeper.ports.pages import LastView

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", re.ASCII)
_NO_ZONES = {"localtime", "posixrules", "Factory", "posix", "right"}
"""Files and folders that stand beside the zones, and are none."""


def time_zone(value: str) -> str:
    """An IANA name. Raises ValueError for a zone that is not known."""
    try:
        # The name is looked for as a file: nothing but a name may get there.
        if _ZONE.fullmatch(value) and value.partition("/")[0] not in _NO_ZONES:
            return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise ValueError("not an IANA time zone, like Europe/Berlin")


Phone = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]
# What mail servers take in practice; quoted names and address literals are not among it.
Email = Annotated[
    str,
    Field(
        max_length=254,
        pattern=(
            r"^[A-Za-z0-9_%+'-]{1,64}(\.[A-Za-z0-9_%+'-]{1,64}){0,8}"
            r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,63}$"
        ),
    ),
]
Locale = Annotated[
    str, Field(max_length=35, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,6}$")
]  # BCP 47
TimeZone = Annotated[
    str,
    Field(min_length=1, max_length=64),
    AfterValidator(time_zone),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": 64,
            "format": "iana-time-zone",
            "examples": ["Europe/Berlin"],
        }
    ),
]


class ProfileRequest(Request):
    """The whole profile: a field that is absent or null is removed."""

    phone: Phone | None = None
    email: Email | None = None
    preferred_channel: ChannelName | None = None
    locale: Locale | None = None
    time_zone: TimeZone | None = None

    def to_user(self, user_id: str) -> User:
        return User(
            id=user_id,
            phone=self.phone,
            email=self.email,
            preferred_channel=self.preferred_channel,
            locale=self.locale,
            time_zone=self.time_zone or "UTC",
        )


class LastViewedResponse(Shape):
    doctor_id: str | None
    filters: dict[str, str]


class ProfileResponse(Shape):
    id: str
    phone: str | None
    email: str | None
    preferred_channel: Channel | None
    locale: str | None
    time_zone: str
    clinic_id: str | None
    last_viewed: LastViewedResponse | None

    @classmethod
    def text_of(cls, user: User, viewed: LastView | None) -> str:
        known = {name: getattr(user, name) for name in cls.model_fields if hasattr(user, name)}
        return cls.model_validate({**known, "last_viewed": viewed}).to_text()
