from __future__ import annotations

from datetime import timedelta

from slotkeeper.adapters.redis.breaker import REST, Breaker
from tests.support.fakes import FakeClock


def test_breaker_is_closed_at_first() -> None:
    assert not Breaker(FakeClock()).is_open


def test_failure_opens_it_for_a_while() -> None:
    clock = FakeClock()
    breaker = Breaker(clock)

    breaker.failed()

    assert breaker.is_open
    clock.advance(REST - timedelta(milliseconds=1))
    assert breaker.is_open
    clock.advance(timedelta(milliseconds=1))
    assert not breaker.is_open


def test_next_failure_opens_it_again() -> None:
    clock = FakeClock()
    breaker = Breaker(clock)
    breaker.failed()
    clock.advance(REST)

    breaker.failed()

    assert breaker.is_open


def test_clock_that_is_set_back_does_not_keep_it_open() -> None:
    clock = FakeClock()
    breaker = Breaker(clock)
    breaker.failed()

    clock.advance(-timedelta(hours=1))

    assert not breaker.is_open
