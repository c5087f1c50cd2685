"""Idempotency keys in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from redis import Redis

from slotkeeper.adapters.redis.client import Command, one_trip, script
from slotkeeper.adapters.redis.keys import (
    ANSWER_KEPT,
    ANSWER_KEPT_BRIEFLY,
    MOST_REQUESTS,
    REQUEST_LEASE,
    Keys,
    ms,
)
from slotkeeper.domain.attempt import owner_of_request
from slotkeeper.ports.requests import RequestState

_NOTE_REQUEST = script("note_request")
_BEGIN_REQUEST = script("begin_request")
_COMPLETE_REQUEST = script("complete_request")
_ABANDON_REQUEST = script("abandon_request")

MOST_ANSWERS = 500
"""Kept for a user in `ANSWER_KEPT`: nobody fills Redis with theirs, and no person comes near it."""
LONG_ANSWER = 32 * 1024
"""Characters; longer than what any patient is answered."""


class RedisRequests:
    """`RequestMemory` on one hash a request; its commands also travel with others (`RedisGate`)."""

    def __init__(self, redis: Redis, keys: Keys):
        self._redis = redis
        self._keys = keys

    def begin(self, key: str, *, fingerprint: str, owner: str) -> RequestState:
        begin = self.to_begin(key, fingerprint=fingerprint, owner=owner)
        _, answer = one_trip(self._redis, self.to_note(key), begin)
        return state_of(answer)

    def complete(self, key: str, *, owner: str, answer: str, first: Sequence[Command] = ()) -> None:
        """As the port says; the commands of `first` go first, in the same trip."""
        is_long = len(answer) > LONG_ANSWER
        kept = ANSWER_KEPT_BRIEFLY if is_long else ANSWER_KEPT
        *_, is_kept, count = one_trip(
            self._redis,
            *first,
            self._to_complete(key, owner=owner, answer=answer, kept=kept),
            self._to_count(key),
        )
        if is_kept and not is_long and count > MOST_ANSWERS:
            brief = ms(ANSWER_KEPT_BRIEFLY)
            one_trip(self._redis, lambda p: p.pexpire(self._keys.request(key), brief))

    def abandon(self, key: str, *, owner: str) -> None:
        one_trip(self._redis, self.to_abandon(key, owner=owner))

    def to_note(self, key: str) -> Command:
        """Whose request it is, said before it is begun: no answer is kept that is not known so."""
        name = self._keys.requests_of(owner_of_request(key))
        kept = ms(ANSWER_KEPT)
        return lambda p: p.eval(_NOTE_REQUEST, 1, name, key, kept, MOST_REQUESTS)

    def to_begin(self, key: str, *, fingerprint: str, owner: str) -> Command:
        name = self._keys.request(key)
        lease = ms(REQUEST_LEASE)
        return lambda p: p.eval(_BEGIN_REQUEST, 1, name, fingerprint, owner, lease)

    def _to_complete(self, key: str, *, owner: str, answer: str, kept: timedelta) -> Command:
        name = self._keys.request(key)
        return lambda p: p.eval(_COMPLETE_REQUEST, 1, name, owner, answer, ms(kept))

    def _to_count(self, key: str) -> Command:
        name = self._keys.requests_of(owner_of_request(key))
        return lambda p: p.zcard(name)

    def to_abandon(self, key: str, *, owner: str) -> Command:
        name = self._keys.request(key)
        return lambda p: p.eval(_ABANDON_REQUEST, 1, name, owner)


def state_of(answer: list[Any]) -> RequestState:
    """What `begin_request.lua` said."""
    state = answer[0]
    return RequestState(
        answer=answer[1] if state == "answered" else None,
        is_reused=state == "reused",
        busy_for_ms=answer[1] if state == "busy" else None,
    )
