from __future__ import annotations

import pytest

from slotkeeper.domain.errors import RateLimited, Unavailable
from slotkeeper.domain.limits import ERASURES, EXPORTS, RateLimit
from slotkeeper.ports.requests import Allowance
from slotkeeper.services.not_too_often import ensure_not_too_often


class Limiter:
    """Allows so many; None: does not answer."""

    def __init__(self, left: int | None):
        self.left = left
        self.asked: list[tuple[str, str]] = []

    def take(self, limit: RateLimit, *, route: str, who: str) -> Allowance:
        self.asked.append((route, who))
        if self.left is None:
            raise Unavailable
        self.left -= 1
        is_allowed = self.left >= 0
        return Allowance(limit=limit, is_allowed=is_allowed, remaining=0, reset_seconds=7)


def test_one_too_many_is_told_when_to_come_back() -> None:
    limiter = Limiter(1)
    ensure_not_too_often(EXPORTS, "alice", limiter=limiter)

    with pytest.raises(RateLimited) as refused:
        ensure_not_too_often(EXPORTS, "alice", limiter=limiter)

    assert refused.value.retry_after_seconds == 7
    assert limiter.asked == [("exports", "alice")] * 2


def test_without_the_limiter_nobody_is_refused() -> None:
    ensure_not_too_often(ERASURES, "alice", limiter=Limiter(None))
