"""When a provider of messages is left alone, and how it comes back, on a real Redis."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pytest
from redis import Redis
from redis.exceptions import RedisError

from slotkeeper.adapters.redis.breaker import REST, Breaker
from slotkeeper.adapters.redis.keys import PROVIDER_KEPT
from slotkeeper.adapters.redis.provider_breakers import RedisBreakers
from slotkeeper.domain.provider import BreakerRules, State
from slotkeeper.ports.notifications import Leave, Outcome
from tests.support.fakes import FakeClock
from tests.support.house import House

RULES = BreakerRules()
OPEN = Leave(is_given=False)
T, F, R = Outcome.TAKEN, Outcome.FAILED, Outcome.REFUSED


@dataclass
class Sender:
    """One of many that share the breakers of a house."""

    house: House

    def __post_init__(self) -> None:
        self.breakers = RedisBreakers(self.house.redis, self.house.keys, Breaker(FakeClock()))

    def send(self, *outcomes: Outcome, provider: str = "sns") -> list[State | None]:
        """A message after the other; the breaker after each, None where none was sent."""
        return [self._one(provider, outcome) for outcome in outcomes]

    def _one(self, provider: str, outcome: Outcome) -> State | None:
        leave = self.breakers.ask(provider)
        if not leave.is_given:
            return None
        return self.breakers.tell(provider, leave, outcome)

    @property
    def state(self) -> State:
        return self.breakers.standing("sns").state

    def later(self, by: timedelta) -> None:
        """Let so much time have passed: Redis's clock cannot be set, its data can."""
        moved = round(by.total_seconds() * 1000)
        key = self.house.keys.provider("sns")
        for name, text in self.house.redis.hgetall(key).items():
            if name != "triedBy":
                earlier = re.sub(r"[0-9]+", lambda found: str(int(found[0]) - moved), str(text))
                self.house.redis.hset(key, str(name), earlier)


@pytest.fixture
def sender(house: House) -> Sender:
    return Sender(house)


@pytest.fixture
def resting(sender: Sender) -> Sender:
    sender.send(*[F] * RULES.failures)
    assert sender.state is State.OPEN
    return sender


def test_provider_that_nobody_knows_is_asked(sender: Sender) -> None:
    assert sender.breakers.ask("sns") == Leave(is_given=True)
    assert sender.state is State.CLOSED


def test_provider_rests_after_as_many_failures_as_the_rule_says_and_not_before(
    sender: Sender,
) -> None:
    states = sender.send(*[F] * RULES.failures, F)

    assert states == [State.CLOSED] * (RULES.failures - 1) + [State.OPEN, None]


def test_provider_that_rests_for_one_sender_rests_for_all(resting: Sender) -> None:
    assert Sender(resting.house).breakers.ask("sns") == OPEN


def test_other_provider_is_asked_all_the_same(resting: Sender) -> None:
    assert resting.send(T, provider="ses") == [State.CLOSED]


def test_few_failures_among_many_messages_are_nothing(sender: Sender) -> None:
    states = sender.send(*[T, T, F] * 20)

    assert set(states) == {State.CLOSED}


def test_half_of_the_last_messages_failing_is_enough(sender: Sender) -> None:
    well = sender.send(*[T] * 500)
    assert set(well) == {State.CLOSED}

    states = sender.send(*[F] * RULES.remembered)

    assert states.index(State.OPEN) == RULES.remembered // 2 - 1


def test_failures_of_long_ago_count_no_more(sender: Sender) -> None:
    sender.send(*[F] * (RULES.failures - 1))
    sender.later(RULES.window)

    assert sender.send(*[F] * (RULES.failures - 1)) == [State.CLOSED] * (RULES.failures - 1)
    assert sender.send(F) == [State.OPEN]


def test_refused_address_counts_neither_way(sender: Sender) -> None:
    sender.send(*[F] * (RULES.failures - 1))

    assert sender.send(*[R] * 100) == [State.CLOSED] * 100
    standing = sender.breakers.standing("sns")
    assert (standing.taken, standing.failed) == (0, RULES.failures - 1)


def test_one_message_tries_a_provider_that_has_rested(resting: Sender) -> None:
    resting.later(RULES.rest - timedelta(seconds=1))
    assert resting.breakers.ask("sns") == OPEN
    resting.later(timedelta(seconds=1))

    leaves = [resting.breakers.ask("sns") for _ in range(5)]

    assert [one.is_given for one in leaves] == [True, False, False, False, False]
    assert leaves[0].trial
    assert resting.state is State.HALF_OPEN


def test_provider_that_took_the_message_is_asked_by_all_again(resting: Sender) -> None:
    since = resting.breakers.standing("sns").since
    resting.later(RULES.rest)

    assert resting.send(T, F, F) == [State.CLOSED] * 3
    assert since is not None
    assert resting.breakers.standing("sns").since is None


def test_provider_that_failed_the_trial_rests_again(resting: Sender) -> None:
    began = resting.breakers.standing("sns").since
    resting.later(RULES.rest)

    assert resting.send(F, F) == [State.OPEN, None]
    standing = resting.breakers.standing("sns")
    assert began is not None
    assert standing.since == began - RULES.rest  # since it began to fail, not since the trial
    resting.later(RULES.rest)
    assert resting.send(T) == [State.CLOSED]


def test_trial_whose_address_was_refused_is_anothers_at_once(resting: Sender) -> None:
    resting.later(RULES.rest)

    assert resting.send(R, T) == [State.OPEN, State.CLOSED]


def test_trial_whose_sender_died_is_anothers_after_a_while(resting: Sender) -> None:
    resting.later(RULES.rest)
    lost = resting.breakers.ask("sns")
    assert resting.breakers.ask("sns") == OPEN
    resting.later(RULES.trial)

    mine = resting.breakers.ask("sns")

    assert mine.is_given
    # The dead one was only slow: what it found out is not what is being tried now.
    assert resting.breakers.tell("sns", lost, F) is State.OPEN
    assert resting.breakers.tell("sns", mine, T) is State.CLOSED


def test_message_begun_before_the_rest_neither_ends_nor_prolongs_it(resting: Sender) -> None:
    rests_until = resting.breakers.standing("sns").next_trial
    before = Leave(is_given=True)

    assert resting.breakers.tell("sns", before, T) is State.OPEN
    assert resting.breakers.tell("sns", before, F) is State.OPEN

    assert resting.breakers.standing("sns").next_trial == rests_until


def test_what_is_known_lapses(resting: Sender) -> None:
    left = resting.house.redis.pttl(resting.house.keys.provider("sns"))

    assert 0 < left <= PROVIDER_KEPT.total_seconds() * 1000


def test_redis_lost_lets_every_provider_be_asked(resting: Sender) -> None:
    resting.house.lose_redis()

    assert resting.send(T) == [State.CLOSED]


class Down:
    """A Redis that does not answer, and counts how often it was asked."""

    asked = 0
    command_stack: tuple[()] = ()

    @contextmanager
    def pipeline(self, **_: Any) -> Iterator[Down]:
        yield self

    def eval(self, *_: Any) -> None:
        """Nothing is sent before `execute`."""

    def hmget(self, *_: Any) -> None:
        """Nor here."""

    def execute(self, **_: Any) -> list[Any]:
        self.asked += 1
        raise RedisError


def test_redis_down_lets_every_provider_be_asked_and_is_itself_left_alone(house: House) -> None:
    down, clock = Down(), FakeClock()
    breakers = RedisBreakers(cast("Redis", down), house.keys, Breaker(clock))
    allowed = Leave(is_given=True)

    for _ in range(RULES.failures):
        assert breakers.ask("sns") == allowed
        assert breakers.tell("sns", allowed, F) is State.CLOSED
    assert down.asked == 1
    clock.advance(REST)

    assert breakers.tell("sns", allowed, F) is State.CLOSED
    assert down.asked == 2


@pytest.mark.parametrize("text", ["", "garbage", "-1", "nan", "9" * 400])
@pytest.mark.parametrize("field", ["openedAt", "restsUntil", "triedUntil", "outcomes"])
def test_what_is_not_ours_keeps_no_provider_from_being_asked_for_long(
    resting: Sender, field: str, text: str
) -> None:
    resting.house.redis.hset(resting.house.keys.provider("sns"), field, text)
    if field != "restsUntil":
        resting.later(RULES.rest)

    resting.breakers.standing("sns")
    [state] = resting.send(T)

    assert state is State.CLOSED


def test_key_of_another_kind_is_as_if_it_were_lost(sender: Sender) -> None:
    sender.house.redis.set(sender.house.keys.provider("sns"), "garbage")

    assert sender.state is State.CLOSED
    assert sender.send(F) == [State.CLOSED]
    assert sender.breakers.standing("sns").failed == 1
