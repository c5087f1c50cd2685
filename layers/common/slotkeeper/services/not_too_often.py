"""A limit of a use case's own, beside those that are asked at the door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slotkeeper.domain.errors import RateLimited, Unavailable

if TYPE_CHECKING:
    from slotkeeper.domain.limits import RateLimit
    from slotkeeper.ports.requests import RateLimiter


def ensure_not_too_often(limit: RateLimit, user_id: str, *, limiter: RateLimiter) -> None:
    """Count one. Where the limiter does not answer it is let through, as at the door.

    Raises:
        RateLimited: too many of late.
    """
    try:
        allowance = limiter.take(limit, route=limit.name, who=user_id)
    except Unavailable:
        return
    if not allowance.is_allowed:
        raise RateLimited(retry_after_seconds=allowance.reset_seconds)
