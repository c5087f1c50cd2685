"""What Redis holds under a person's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis import Redis

from slotkeeper.adapters.redis.client import Command, one_trip, whole
from slotkeeper.domain.attempt import owner_of
from slotkeeper.ports.personal import Remembered

if TYPE_CHECKING:
    from slotkeeper.adapters.redis.keys import Keys


class RedisPersonalKeys:
    """`PersonalKeys`: at most `MOST_REQUESTS` requests and a few keys more, in two trips."""

    def __init__(self, redis: Redis, keys: Keys):
        self._redis = redis
        self._keys = keys

    def remembered(self, user_id: str) -> Remembered:
        owner, failures = self._keys.requests_of(owner_of(user_id)), self._keys.failures(user_id)
        answers, wrong = one_trip(self._redis, lambda p: p.zcard(owner), lambda p: p.get(failures))
        return Remembered(answers=int(answers), wrong_codes=whole(wrong) or 0)

    def forget(self, user_id: str) -> int:
        owner, places = self._keys.requests_of(owner_of(user_id)), self._keys.places(user_id)
        requests, held = one_trip(
            self._redis, lambda p: p.zrange(owner, 0, -1), lambda p: p.zrange(places, 0, -1)
        )
        names = [
            *(self._keys.request(str(request)) for request in requests),
            *(self._keys.code(user_id, str(place).partition(":")[2]) for place in held),
            self._keys.viewed(user_id),
            places,
            # Last: as long as it is there, what it names can be found again.
            owner,
        ]
        return sum(int(gone) for gone in one_trip(self._redis, *map(_to_delete, names)))


def _to_delete(name: str) -> Command:
    return lambda p: p.delete(name)
