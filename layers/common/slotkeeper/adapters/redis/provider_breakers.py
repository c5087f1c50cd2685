"""Which providers keep failing, for all senders alike."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from redis import Redis

from slotkeeper.adapters.redis.client import one_trip, one_trip_each, script, whole
from slotkeeper.adapters.redis.keys import PROVIDER_KEPT, Keys, ms
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.provider import BreakerRules, State
from slotkeeper.ports.notifications import Leave, Outcome, Standing

if TYPE_CHECKING:
    from slotkeeper.adapters.redis.breaker import Breaker

_TRY_PROVIDER = script("try_provider")
_NOTE_OUTCOME = script("note_outcome")
_LOOK_AT_PROVIDER = script("look_at_provider")

_ALLOWED = Leave(is_given=True)
_MAY_TRY, _NOT_NOW = 1, 0
_LETTER = {Outcome.TAKEN: "t", Outcome.FAILED: "f", Outcome.REFUSED: "r"}


class RedisBreakers:
    """`Breakers` on one hash a provider, by Redis's own clock.

    Without Redis every provider may be asked: a code late is better than none.
    """

    def __init__(
        self, redis: Redis, keys: Keys, breaker: Breaker, rules: BreakerRules | None = None
    ):
        self._redis = redis
        self._keys = keys
        self._breaker = breaker
        self._rules = rules or BreakerRules()

    def ask(self, provider: str) -> Leave:
        if self._breaker.is_open:
            return _ALLOWED
        try:
            return self._asked(provider)
        except Unavailable:
            self._breaker.failed()
            return _ALLOWED

    def _asked(self, provider: str) -> Leave:
        key, rules = self._keys.provider(provider), self._rules
        # Nothing is written while all is well.
        [found] = one_trip_each(self._redis, lambda p: p.hmget(key, "openedAt"))
        if (
            isinstance(found, Exception) or found[0] is None
        ):  # the first: a key that is none of ours
            return _ALLOWED
        trial = uuid.uuid4().hex
        [told] = one_trip(
            self._redis,
            lambda p: p.eval(_TRY_PROVIDER, 1, key, trial, ms(rules.trial), ms(rules.rest)),
        )
        if told == _MAY_TRY:
            return Leave(is_given=True, trial=trial)
        return Leave(is_given=told != _NOT_NOW)

    def tell(self, provider: str, leave: Leave, outcome: Outcome) -> State:
        if self._breaker.is_open:
            return State.CLOSED
        key, rules = self._keys.provider(provider), self._rules
        try:
            [rests] = one_trip(
                self._redis,
                lambda p: p.eval(
                    _NOTE_OUTCOME,
                    1,
                    key,
                    _LETTER[outcome],
                    leave.trial or "",
                    rules.failures,
                    rules.remembered,
                    ms(rules.window),
                    ms(rules.rest),
                    ms(PROVIDER_KEPT),
                ),
            )
        except Unavailable:
            self._breaker.failed()
            return State.CLOSED
        return State.OPEN if rests else State.CLOSED

    def standing(self, provider: str) -> Standing:
        """What is known of the provider. Raises Unavailable."""
        key = self._keys.provider(provider)
        [found] = one_trip(self._redis, lambda p: p.eval(_LOOK_AT_PROVIDER, 1, key))
        now, opened_at, rests_until = (_instant(told) for told in found[:3])
        assert now is not None
        recent = _recent(found[3] or "", now - self._rules.window)
        taken, failed = recent.count("t"), recent.count("f")
        if opened_at is None:
            return Standing(state=State.CLOSED, taken=taken, failed=failed)
        is_resting = rests_until is not None and now < rests_until
        return Standing(
            state=State.OPEN if is_resting else State.HALF_OPEN,
            since=opened_at,
            next_trial=rests_until,
            taken=taken,
            failed=failed,
        )


def _instant(told: object) -> datetime | None:
    found = whole(str(told))
    return None if found is None else datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=found)


def _recent(outcomes: str, since: datetime) -> list[str]:
    found = re.findall(r"([tf])([0-9]{1,15})", outcomes)
    return [what for what, at in found if int(at) > since.timestamp() * 1000]
