"""Ids that a retry finds again, and what a patient is told about a hold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

_OWNER_HEX = 16
_REQUEST_HEX = 32


def attempt_id(user_id: str, idempotency_key: str) -> str:
    """The attempt that `user_id` makes with `idempotency_key`: the same pair, the same attempt.

    The first part names the caller, so that an attempt's owner can be told without looking it up.
    """
    request = _digest("attempt", user_id, idempotency_key)[:_REQUEST_HEX]
    return f"at_{_owner(user_id)}{request}"


def is_attempt_of(attempt_id: str, user_id: str) -> bool:
    """Whether `user_id` made this attempt."""
    return attempt_id.startswith(f"at_{_owner(user_id)}")


def booking_id(attempt_id: str) -> str:
    """The booking that this attempt becomes when it is confirmed."""
    return "bk_" + attempt_id.removeprefix("at_")


def _owner(user_id: str) -> str:
    return _digest("owner", user_id)[:_OWNER_HEX]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Whose attempt a request is about, and which request that is."""

    id: str
    user_id: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSent:
    """Where the newest code goes, until when it works, and when the next may be asked for."""

    channel: str
    destination: str
    expires_at: datetime
    resend_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReceipt:
    """What the patient is told about a hold; all times on the database's clock."""

    attempt_id: str
    slot_id: str
    expires_at: datetime
    server_time: datetime
    otp: CodeSent
