"""Many senders at once at a provider that has rested: one tries it, the others leave it alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, cast

from redis import Redis

from slotkeeper.adapters.redis.breaker import Breaker
from slotkeeper.adapters.redis.provider_breakers import RedisBreakers
from slotkeeper.domain.provider import BreakerRules, State
from slotkeeper.ports.notifications import Leave, Outcome
from tests.concurrency import guards
from tests.concurrency.at_once import at_once
from tests.concurrency.race import CONTROL_ROUNDS
from tests.support.fakes import FakeClock
from tests.support.house import House

THREADS = 64
RESTED = BreakerRules(rest=timedelta(0))
"""A rest that is over as soon as it begins."""


def breakers_of(house: House, redis: Redis | None = None) -> RedisBreakers:
    return RedisBreakers(redis or house.redis, house.keys, Breaker(FakeClock()), RESTED)


def fail(breakers: RedisBreakers) -> None:
    for _ in range(RESTED.failures):
        breakers.tell("sns", Leave(is_given=True), Outcome.FAILED)


def test_of_sixty_four_at_once_one_tries_it(house: House) -> None:
    breakers = breakers_of(house)
    for _ in range(5):
        fail(breakers)

        leaves = at_once([partial(breakers.ask, "sns")] * THREADS)

        [trial] = [one for one in leaves if one.is_given]
        assert trial.trial
        assert breakers.tell("sns", trial, Outcome.TAKEN) is State.CLOSED


def test_failures_told_at_once_are_all_counted(house: House) -> None:
    breakers, sent = breakers_of(house), Leave(is_given=True)
    told = at_once([partial(breakers.tell, "sns", sent, Outcome.FAILED)] * THREADS)

    assert told.count(State.CLOSED) == RESTED.failures - 1


class Unguarded(guards.KeysWrittenBack):
    """What is known of a provider is read, judged and written one after the other."""

    @contextmanager
    def pipeline(self, **_: Any) -> Iterator[Unguarded]:
        yield Unguarded(self._redis)

    def hmget(self, key: str, field: str) -> None:
        self._found = self._redis.hmget(key, field)

    def execute(self, **options: Any) -> list[Any]:
        return super().execute(**options) if hasattr(self, "_asked") else [self._found]


def test_control_a_trial_that_is_read_before_it_is_written_is_several_ones(house: House) -> None:
    breakers = breakers_of(house, cast("Redis", Unguarded(house.redis)))

    def trials() -> int:
        house.redis.delete(house.keys.provider("sns"))
        fail(breakers_of(house))
        leaves = at_once([partial(breakers.ask, "sns")] * THREADS)
        return sum(one.is_given for one in leaves)

    assert any(trials() > 1 for _ in range(CONTROL_ROUNDS))
