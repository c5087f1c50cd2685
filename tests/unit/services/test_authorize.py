from __future__ import annotations

import pytest

from slotkeeper.domain.errors import RateLimited, Unauthenticated, Unavailable
from slotkeeper.domain.limits import RateLimits
from slotkeeper.services.authorize import Arrival, Verdict, authorize
from tests.support.fakes import FakeLimiter, FakeTokens

SMALL = RateLimits(ip=5, reads=3, writes=2)


class World:
    """A gateway that asks about one request after the other."""

    def __init__(self, limits: RateLimits = SMALL) -> None:
        self.limits = limits
        self.limiter = FakeLimiter()
        self.tokens = FakeTokens()

    def ask(
        self,
        who: str | None = "alice",
        *,
        method: str = "POST",
        route: str = "/bookings",
        ip: str = "203.0.113.7",
    ) -> Verdict:
        authorization = None if who is None else f"Bearer {who}"
        arrival = Arrival(method=method, route=route, source_ip=ip, authorization=authorization)
        return authorize(
            arrival=arrival, limits=self.limits, limiter=self.limiter, tokens=self.tokens
        )


def policy_of(verdict: Verdict) -> str | None:
    return verdict.allowance.limit.name if verdict.allowance else None


def test_caller_is_told_with_what_is_left_to_them() -> None:
    verdict = World().ask()

    assert verdict.caller is not None
    assert verdict.caller.user_id == "alice"
    assert verdict.refusal is None
    assert verdict.allowance is not None
    assert (policy_of(verdict), verdict.allowance.remaining) == ("writes", 1)


def test_user_is_refused_beyond_the_limit_until_the_next_request_is_allowed() -> None:
    world = World()
    world.ask()
    world.ask()

    verdict = world.ask()

    assert verdict.caller is None
    assert isinstance(verdict.refusal, RateLimited)
    assert verdict.refusal.retry_after_seconds == FakeLimiter.NEXT_IN
    assert verdict.allowance is not None
    assert (policy_of(verdict), verdict.allowance.remaining) == ("writes", 0)


def test_another_user_is_not_affected() -> None:
    world = World()
    for _ in range(3):
        world.ask()

    assert world.ask("bob").caller is not None


def test_another_route_is_not_affected() -> None:
    world = World()
    for _ in range(3):
        world.ask()

    assert world.ask(route="/bookings/{id}/hold").caller is not None


def test_another_method_of_the_route_is_not_affected() -> None:
    world = World()
    for _ in range(3):
        world.ask()

    assert policy_of(world.ask(method="GET")) == "reads"


def test_another_address_gives_the_user_no_more() -> None:
    world = World()
    for number in range(2):
        world.ask(ip=f"203.0.113.{number}")

    assert isinstance(world.ask(ip="198.51.100.1").refusal, RateLimited)


def test_address_is_refused_beyond_its_limit_whoever_asks() -> None:
    world = World()
    for number in range(5):
        world.ask(f"user-{number}")

    verdict = world.ask("somebody-else")

    assert isinstance(verdict.refusal, RateLimited)
    assert policy_of(verdict) == "ip"


def test_request_refused_by_its_address_costs_no_look_at_its_token() -> None:
    world = World()
    for _ in range(5):
        world.ask(None)
    seen = len(world.tokens.calls)

    world.ask()

    assert len(world.tokens.calls) == seen


def test_bad_tokens_are_counted_against_the_address() -> None:
    world = World()

    first = world.ask(None)

    assert isinstance(first.refusal, Unauthenticated)
    assert policy_of(first) == "ip"
    assert list(world.limiter.taken) == [("ip", "203.0.113.7")]


def test_provider_of_keys_that_is_down_refuses() -> None:
    world = World()
    world.tokens.down.add("caller")

    assert isinstance(world.ask().refusal, Unavailable)


def test_request_makes_at_most_two_trips() -> None:
    world = World()

    world.ask()

    assert world.limiter.calls == ["take", "take"]


def test_limiter_that_is_down_lets_through_whoever_has_a_token() -> None:
    world = World()
    world.limiter.down.add("take")

    verdict = world.ask()

    assert verdict == Verdict(caller=verdict.caller)
    assert verdict.caller is not None


def test_limiter_that_is_down_lets_nobody_through_without_a_token() -> None:
    world = World()
    world.limiter.down.add("take")

    assert isinstance(world.ask(None).refusal, Unauthenticated)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_limits_that_are_off_are_not_asked(method: str) -> None:
    world = World(RateLimits(ip=0, reads=0, writes=0))

    verdict = world.ask(method=method)

    assert verdict.caller is not None
    assert verdict.allowance is None
    assert world.limiter.calls == []
