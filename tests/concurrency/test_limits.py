"""Many at once against one bucket, and one day's codes: exactly as many as there are."""

from __future__ import annotations

from functools import partial
from typing import cast

from msgspec import structs
from redis import Redis

from slotkeeper.adapters.mongo.documents import QUOTAS, phone_quota_id
from slotkeeper.adapters.mongo.quotas import MongoCodeQuota
from slotkeeper.adapters.redis.breaker import Breaker
from slotkeeper.adapters.redis.limiter import RedisRateLimiter
from slotkeeper.domain.errors import AppointmentError
from slotkeeper.domain.limits import RateLimit
from slotkeeper.ports.codes import CodeTaken
from tests.concurrency import guards
from tests.concurrency.at_once import at_once
from tests.support.fakes import FakeClock
from tests.support.house import House

THREADS = 64
HELD = 20
SLOW = RateLimit(name="slow", requests=HELD, seconds=86_400 * HELD)
"""Nothing comes back into it while a test runs."""
PHONE = "+15550123"


# --- rate limits ----------------------------------------------------------------------------------


def test_sixty_four_at_once_get_exactly_what_the_bucket_holds(house: House) -> None:
    limiter = RedisRateLimiter(house.redis, house.keys, Breaker(FakeClock()))

    results = at_once([partial(limiter.take, SLOW, route="POST /bookings", who="alice")] * THREADS)

    assert [r for r in results if isinstance(r, AppointmentError)] == []
    assert sum(allowance.is_allowed for allowance in results) == HELD
    left = sorted(a.remaining for a in results if a.is_allowed)
    assert left == list(range(HELD))


def test_control_a_bucket_that_is_read_before_it_is_written_gives_more(house: House) -> None:
    redis = cast("Redis", guards.KeysWrittenBack(house.redis))
    limiter = RedisRateLimiter(redis, house.keys, Breaker(FakeClock()))

    results = at_once([partial(limiter.take, SLOW, route="POST /bookings", who="alice")] * THREADS)

    assert sum(allowance.is_allowed for allowance in results) > HELD


# --- a day's codes --------------------------------------------------------------------------------


def quota_of(house: House) -> MongoCodeQuota:
    policy = structs.replace(house.policy, max_codes_per_user=HELD, max_codes_per_phone=HELD)
    return MongoCodeQuota(house.database, policy)


def test_senders_at_once_send_one_user_exactly_the_days_codes(house: House) -> None:
    take = partial(quota_of(house).take, user_id="alice", phone=None)
    take()  # two first ones at once may have to be tried again

    results = at_once([take] * THREADS)

    assert sum(isinstance(result, CodeTaken) for result in results) == HELD - 1
    assert results.count(None) == THREADS - HELD + 1


def test_senders_at_once_send_one_number_exactly_the_days_codes(house: House) -> None:
    quota = quota_of(house)
    quota.take(user_id="first", phone=PHONE)

    results = at_once(
        [partial(quota.take, user_id=f"user-{n}", phone=PHONE) for n in range(THREADS)]
    )

    assert sum(isinstance(result, CodeTaken) for result in results) == HELD - 1
    assert house.database[QUOTAS].find_one({"_id": phone_quota_id(PHONE)})["count"] == HELD  # type: ignore[index]


def test_the_first_codes_of_all_at_once_are_never_more_than_there_are(house: House) -> None:
    take = partial(quota_of(house).take, user_id="alice", phone=None)

    results = at_once([take] * THREADS)

    taken = sum(isinstance(result, CodeTaken) for result in results)
    assert taken <= HELD
    assert house.database[QUOTAS].find_one({"_id": "user/alice"})["count"] == taken  # type: ignore[index]


def test_control_codes_counted_after_they_were_read_are_too_many(house: House) -> None:
    quota_of(house).take(user_id="alice", phone=None)
    take = partial(quota_of(guards.writes_back(house, QUOTAS)).take, user_id="alice", phone=None)

    results = at_once([take] * THREADS)

    assert sum(isinstance(result, CodeTaken) for result in results) > HELD - 1
