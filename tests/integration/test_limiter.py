"""Token buckets on a real Redis, by its own clock."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.trips import counted
from slotkeeper.adapters.redis.breaker import Breaker
from slotkeeper.adapters.redis.client import connect as connect_redis
from slotkeeper.adapters.redis.limiter import RedisRateLimiter
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.limits import RateLimit
from tests.support.fakes import FakeClock
from tests.support.house import House

ROUTE = "POST /bookings/{id}/verify-otp"
A_DAY = 86_400
NOBODY = 9  # the discard port: nobody listens there


@pytest.fixture
def limiter(house: House) -> RedisRateLimiter:
    return RedisRateLimiter(house.redis, house.keys, Breaker(FakeClock()))


def slow(requests: int) -> RateLimit:
    """A bucket into which nothing comes back while a test runs."""
    return RateLimit(name="slow", requests=requests, seconds=A_DAY * requests)


def test_a_bucket_allows_what_it_holds_and_no_more(limiter: RedisRateLimiter) -> None:
    taken = [limiter.take(slow(3), route=ROUTE, who="alice") for _ in range(5)]

    assert [allowance.is_allowed for allowance in taken] == [True, True, True, False, False]
    assert [allowance.remaining for allowance in taken] == [2, 1, 0, 0, 0]


def test_an_allowed_request_is_told_when_the_bucket_will_be_full(limiter: RedisRateLimiter) -> None:
    taken = [limiter.take(slow(3), route=ROUTE, who="alice") for _ in range(2)]

    assert taken[0].reset_seconds == A_DAY
    assert 2 * A_DAY - 5 <= taken[1].reset_seconds <= 2 * A_DAY


def test_a_refused_request_is_told_when_the_next_is_allowed(limiter: RedisRateLimiter) -> None:
    limit = slow(2)
    for _ in range(2):
        limiter.take(limit, route=ROUTE, who="alice")

    refused = limiter.take(limit, route=ROUTE, who="alice")

    assert A_DAY - 5 <= refused.reset_seconds <= A_DAY


def test_a_refused_request_costs_nothing(limiter: RedisRateLimiter) -> None:
    limit = slow(1)
    limiter.take(limit, route=ROUTE, who="alice")

    refused = [limiter.take(limit, route=ROUTE, who="alice") for _ in range(3)]

    assert max(r.reset_seconds for r in refused) <= A_DAY


def test_requests_come_back_one_by_one(limiter: RedisRateLimiter) -> None:
    limit = RateLimit(name="quick", requests=2, seconds=1)
    while limiter.take(limit, route=ROUTE, who="alice").is_allowed:
        pass
    began = time.monotonic()

    # Half a second each; a slow machine has time.
    while not limiter.take(limit, route=ROUTE, who="alice").is_allowed:
        assert time.monotonic() - began < 5


def test_users_and_routes_have_buckets_of_their_own(limiter: RedisRateLimiter) -> None:
    limiter.take(slow(1), route=ROUTE, who="alice")

    assert limiter.take(slow(1), route=ROUTE, who="bob").is_allowed
    assert limiter.take(slow(1), route="POST /bookings", who="alice").is_allowed
    assert not limiter.take(slow(1), route=ROUTE, who="alice").is_allowed


def test_a_bucket_is_forgotten_when_it_is_full(house: House, limiter: RedisRateLimiter) -> None:
    limiter.take(RateLimit(name="quick", requests=10), route=ROUTE, who="alice")

    [key] = house.redis_keys()
    left = house.redis.pttl(f"{house.keys.environment}:{key}")
    assert key == "rl:POST-bookings-id-verify-otp:alice"
    assert 0 < left <= 6_000


def test_a_key_names_no_hash_tag_of_a_cluster(house: House) -> None:
    assert not set("{}") & set(house.keys.bucket(ROUTE, "alice"))


def test_a_bucket_from_a_clock_ahead_or_a_wider_limit_refuses_no_longer_than_its_window(
    house: House, limiter: RedisRateLimiter
) -> None:
    limit = RateLimit(name="writes", requests=60)
    house.redis.set(house.keys.bucket(ROUTE, "alice"), 9_000_000_000_000_000)

    refused = limiter.take(limit, route=ROUTE, who="alice")

    assert not refused.is_allowed
    assert refused.reset_seconds == 1


def test_a_request_is_one_trip(house: House, limiter: RedisRateLimiter) -> None:
    with counted(house.redis) as trips:
        limiter.take(slow(1), route=ROUTE, who="alice")

    assert len(trips.of("redis")) == 1


@settings(
    max_examples=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    requests=st.integers(1, 50),
    seconds=st.sampled_from([1, 1, 2, 60, A_DAY]),
    tries=st.integers(1, 200),
)
def test_never_more_than_the_burst_and_what_came_back_meanwhile(
    limiter: RedisRateLimiter, requests: int, seconds: int, tries: int
) -> None:
    limit = RateLimit(name="any", requests=requests, seconds=seconds)
    who = uuid.uuid4().hex
    began = time.monotonic()

    taken = [limiter.take(limit, route=ROUTE, who=who) for _ in range(tries)]

    came_back = (time.monotonic() - began) * requests / seconds
    allowed = sum(allowance.is_allowed for allowance in taken)
    assert min(tries, requests) <= allowed <= requests + came_back
    assert all(0 <= allowance.remaining < requests for allowance in taken)
    assert all(allowance.reset_seconds >= 1 for allowance in taken)


@given(requests=st.integers(1, 100_000), seconds=st.integers(1, 120))
@settings(
    max_examples=100,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_the_limit_a_fresh_bucket_has_all_but_the_one_taken(
    limiter: RedisRateLimiter, requests: int, seconds: int
) -> None:
    limit = RateLimit(name="any", requests=requests, seconds=seconds)

    first = limiter.take(limit, route=ROUTE, who=uuid.uuid4().hex)

    assert first.is_allowed
    assert first.remaining == requests - 1


# --- a Redis that does not answer -----------------------------------------------------------------


class Attempts:
    """A client that counts how often anybody tried to speak to Redis."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self.count = 0

    def pipeline(self, **options: Any) -> Any:
        self.count += 1
        return self._redis.pipeline(**options)


def test_a_redis_that_is_down_is_asked_once_in_a_while(house: House) -> None:
    clock = FakeClock()
    down = Attempts(connect_redis(f"redis://127.0.0.1:{NOBODY}/0"))
    limiter = RedisRateLimiter(down, house.keys, Breaker(clock))  # type: ignore[arg-type]

    for _ in range(5):
        with pytest.raises(Unavailable):
            limiter.take(slow(1), route=ROUTE, who="alice")

    assert down.count == 1
