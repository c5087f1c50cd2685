"""A person the system writes to, and a person who calls it."""

from __future__ import annotations

from enum import StrEnum

from slotkeeper.domain.errors import InvalidRequest
from slotkeeper.value import Value


class Role(StrEnum):
    PATIENT = "patient"
    STAFF = "staff"
    ADMIN = "admin"


class Caller(Value, kw_only=True):
    """Who sends a request, by the token the authorizer has checked."""

    user_id: str
    role: Role


class Channel(StrEnum):
    SMS = "sms"
    EMAIL = "email"


class User(Value, kw_only=True):
    id: str
    phone: str | None = None
    email: str | None = None
    preferred_channel: Channel | None = None
    locale: str | None = None
    time_zone: str = "UTC"
    clinic_id: str | None = None

    def address(self, channel: Channel) -> str | None:
        """Phone number (E.164) or email address of that channel, if the user has one."""
        return self.phone if channel is Channel.SMS else self.email

    def channel_for_code(self, wanted: Channel | None) -> Channel:
        """The channel to send a code by: the wanted one, else the preferred, else any.

        Raises:
            InvalidRequest: the profile has no address for it.
        """
        choices = [wanted] if wanted else [self.preferred_channel, Channel.SMS, Channel.EMAIL]
        for channel in choices:
            if channel is not None and self.address(channel):
                return channel
        raise InvalidRequest([("channel", "your profile has no address for this channel")])


def masked(channel: Channel, address: str) -> str:
    """The address with enough hidden that only its owner recognises it."""
    if channel is Channel.SMS:
        return address[:2] + "*" * max(0, len(address) - 4) + address[-2:]
    name, _, host = address.partition("@")
    return f"{name[:1]}***@{host}"
