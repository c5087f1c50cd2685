"""Ids that a retry finds again, and what a patient is told about a hold."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import TYPE_CHECKING

from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.user import Channel

_OWNER_HEX = 16
_REQUEST_HEX = 32
_HEX = f"[0-9a-f]{{{_OWNER_HEX + _REQUEST_HEX}}}"
ATTEMPT_ID, BOOKING_ID = re.compile(f"at_{_HEX}"), re.compile(f"bk_{_HEX}")
"""The form of the ids that are made here, which a client's text need not have."""


def attempt_id(user_id: str, idempotency_key: str, slot_id: str) -> str:
    """The attempt that `user_id` makes on a slot with `idempotency_key`: the same, if repeated.

    The first part names the caller, so that an attempt's owner can be told without looking it up.
    The slot is part of it because a key may be used again once its request is forgotten (24 h, or
    a lost Redis): another slot is another attempt, and another booking.
    """
    digest = _digest("attempt", user_id, idempotency_key, slot_id)[:_REQUEST_HEX]
    return f"{attempts_of(user_id)}{digest}"


def request_key(user_id: str, idempotency_key: str) -> str:
    """What a caller's request is remembered by, whatever it asks for; named for the caller too."""
    return owner_of(user_id) + _digest("request", user_id, idempotency_key)[:_REQUEST_HEX]


def owner_of_request(request_key: str) -> str:
    """Whose request it is, as `owner_of` tells a user."""
    return request_key[:_OWNER_HEX]


def attempts_of(user_id: str) -> str:
    """What the ids of all attempts of this user begin with."""
    return f"at_{owner_of(user_id)}"


def is_attempt_of(attempt_id: str, user_id: str) -> bool:
    """Whether `user_id` made this attempt."""
    return attempt_id.startswith(attempts_of(user_id))


def booking_id(attempt_id: str) -> str:
    """The booking that this attempt becomes when it is confirmed."""
    return "bk_" + attempt_id.removeprefix("at_")


def reads_as_ours(id_: str) -> bool:
    """Whether it has the form of an attempt's or a booking's id."""
    return any(form.fullmatch(id_) for form in (ATTEMPT_ID, BOOKING_ID))


def owner_of(user_id: str) -> str:
    """The user in ids that others may see: the same each time, and not to be turned back."""
    return _digest("owner", user_id)[:_OWNER_HEX]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


class Attempt(Value, kw_only=True):
    """Whose attempt a request is about, and which request that is."""

    id: str
    user_id: str
    request_id: str


class CodeSent(Value, kw_only=True):
    """Where the newest code goes, until when it works, and when the next may be asked for."""

    channel: Channel
    destination: str
    expires_at: datetime
    resend_at: datetime


class HoldReceipt(Value, kw_only=True):
    """What the patient is told about a hold; all times on the database's clock."""

    attempt_id: str
    slot_id: str
    expires_at: datetime
    server_time: datetime
    otp: CodeSent
