"""Idempotency keys in Redis."""

from __future__ import annotations

from typing import Any

from redis import Redis

from slotkeeper.adapters.redis.client import Command, one_trip, script
from slotkeeper.adapters.redis.keys import ANSWER_KEPT, MOST_REQUESTS, REQUEST_LEASE, Keys, ms
from slotkeeper.domain.attempt import owner_of_request
from slotkeeper.ports.requests import RequestState


class RedisRequests:
    """`RequestMemory` on one hash a request; its commands also travel with others (`RedisGate`)."""

    def __init__(self, redis: Redis, keys: Keys):
        self._redis = redis
        self._keys = keys

    def begin(self, key: str, *, fingerprint: str, owner: str) -> RequestState:
        begin = self.to_begin(key, fingerprint=fingerprint, owner=owner)
        _, answer = one_trip(self._redis, self.to_note(key), begin)
        return state_of(answer)

    def complete(self, key: str, *, owner: str, answer: str) -> None:
        one_trip(self._redis, self.to_complete(key, owner=owner, answer=answer))

    def abandon(self, key: str, *, owner: str) -> None:
        one_trip(self._redis, self.to_abandon(key, owner=owner))

    def to_note(self, key: str) -> Command:
        """Whose request it is, said before it is begun: no answer is kept that is not known so."""
        name = self._keys.requests_of(owner_of_request(key))
        kept = ms(ANSWER_KEPT)
        return lambda p: p.eval(script("note_request"), 1, name, key, kept, MOST_REQUESTS)

    def to_begin(self, key: str, *, fingerprint: str, owner: str) -> Command:
        name = self._keys.request(key)
        lease = ms(REQUEST_LEASE)
        return lambda p: p.eval(script("begin_request"), 1, name, fingerprint, owner, lease)

    def to_complete(self, key: str, *, owner: str, answer: str) -> Command:
        name = self._keys.request(key)
        kept = ms(ANSWER_KEPT)
        return lambda p: p.eval(script("complete_request"), 1, name, owner, answer, kept)

    def to_abandon(self, key: str, *, owner: str) -> Command:
        name = self._keys.request(key)
        return lambda p: p.eval(script("abandon_request"), 1, name, owner)


def state_of(answer: list[Any]) -> RequestState:
    """What `begin_request.lua` said."""
    state = answer[0]
    return RequestState(
        answer=answer[1] if state == "answered" else None,
        is_reused=state == "reused",
        busy_for_ms=answer[1] if state == "busy" else None,
    )
