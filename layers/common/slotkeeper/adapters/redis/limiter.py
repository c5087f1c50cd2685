"""Rate limits as token buckets in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis import Redis

from slotkeeper.adapters.redis.client import one_trip, script
from slotkeeper.domain.errors import Unavailable
from slotkeeper.ports.requests import Allowance

if TYPE_CHECKING:
    from slotkeeper.adapters.redis.breaker import Breaker
    from slotkeeper.adapters.redis.keys import Keys
    from slotkeeper.domain.limits import RateLimit

_TAKE_TOKEN = script("take_token")


class RedisRateLimiter:
    """`RateLimiter` on one number a bucket, by Redis's own clock."""

    def __init__(self, redis: Redis, keys: Keys, breaker: Breaker):
        self._redis = redis
        self._keys = keys
        self._breaker = breaker

    def take(self, limit: RateLimit, *, route: str, who: str) -> Allowance:
        if self._breaker.is_open:
            raise Unavailable
        key = self._keys.bucket(route, who)
        try:
            [(allowed, remaining, reset_ms)] = one_trip(
                self._redis,
                lambda p: p.eval(_TAKE_TOKEN, 1, key, limit.requests, limit.seconds),
            )
        except Unavailable:
            self._breaker.failed()
            raise
        return Allowance(
            limit=limit,
            is_allowed=allowed == 1,
            remaining=remaining,
            reset_seconds=-(-reset_ms // 1000),
        )
