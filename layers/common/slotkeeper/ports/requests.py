"""Requests: how often they may come, and which came before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.limits import RateLimit


class Allowance(Value, kw_only=True):
    """What a limit says of one request.

    `reset_seconds` until all requests are back where it is allowed, else until the next one is.
    """

    limit: RateLimit
    is_allowed: bool
    remaining: int
    reset_seconds: int


class RateLimiter(Protocol):
    def take(self, limit: RateLimit, *, route: str, who: str) -> Allowance:
        """Count one request of theirs on the route against the limit; one trip."""
        ...


class RequestState(Value, kw_only=True):
    """What is known of a request sent before; at most one of the three, none if it is fresh."""

    answer: str | None = None
    is_reused: bool = False
    busy_for_ms: int | None = None


class RequestMemory(Protocol):
    """Idempotency keys: what each stood for and was answered, for 24 hours.

    `key` is `domain.attempt.request_key`; `owner` the invocation that works on it.
    """

    def begin(self, key: str, *, fingerprint: str, owner: str) -> RequestState:
        """What is known of the request; a fresh one is the owner's now, for a short lease."""
        ...

    def complete(self, key: str, *, owner: str, answer: str) -> None:
        """Keep the answer; for less than 24 hours if it is one of very many of one user."""
        ...

    def abandon(self, key: str, *, owner: str) -> None:
        """The request had no effect: forget its key."""
        ...
