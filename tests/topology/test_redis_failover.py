"""Behind Sentinel and as a Cluster: the same answers, and service again after a master is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis
from redis.crc import key_slot

from local.processes import Server
from ops.golive.ground import Ground, Missing
from ops.golive.of_stores import redis_members
from ops.stores import Named
from slotkeeper.adapters.redis.breaker import Breaker
from slotkeeper.adapters.redis.cluster import Cluster
from slotkeeper.adapters.redis.codes import RedisCodes
from slotkeeper.adapters.redis.gate import RedisGate
from slotkeeper.adapters.redis.limiter import RedisRateLimiter
from slotkeeper.bootstrap import SystemClock
from slotkeeper.domain.booking import BookingStatus
from slotkeeper.domain.errors import SlotHeld, Unavailable
from slotkeeper.domain.limits import RateLimit
from slotkeeper.domain.user import Caller, Role
from tests.support.house import House
from tests.support.nodes import frozen, in_the_end, kill
from tests.support.reading import Reader
from tests.topology.conftest import RedisNodes

LIMIT = RateLimit(name="user", requests=1, seconds=60)


@pytest.fixture
def redis(redis_nodes: RedisNodes) -> Iterator[Redis]:
    with redis_nodes.connect() as client:
        yield client


@pytest.fixture
def there(house: House, redis: Redis) -> House:
    """The house, on the topology's Redis."""
    return replace(
        house,
        redis=redis,
        gate=RedisGate(redis, house.keys, house.policy),
        codes=RedisCodes(redis, house.keys, house.policy),
    )


def test_the_go_live_checklist_sees_who_could_take_over(
    there: House, redis_nodes: RedisNodes
) -> None:
    config = redis_nodes.config
    where = Named(
        mongo_uri="",
        redis_url=config.redis_url,
        redis_mode=config.redis_mode,
        redis_sentinel_master="slotkeeper",
        environment="",
    )
    ground = Ground(
        where=where,
        database=there.database,
        redis=there.redis,
        account=None,
        api_url=None,
        token=None,
    )

    def look() -> str:
        try:
            return redis_members(ground)
        except Missing as missing:  # replicas that have only just begun
            raise Unavailable from missing

    assert "replica" in in_the_end(look)[1]


def test_a_slot_is_held_confirmed_and_called_off(there: House) -> None:
    slot, alice, bob = there.slot(), there.patient(), there.patient()

    attempt = there.hold(slot, alice)
    with pytest.raises(SlotHeld):
        there.hold(slot, bob)
    booking = there.verify(attempt, alice).booking
    caller = Caller(user_id=alice, role=Role.PATIENT)

    assert there.cancel(booking.id, caller).status is BookingStatus.CANCELLED
    assert there.hold(slot, bob)


def test_requests_are_counted_and_pages_kept(there: House, redis: Redis) -> None:
    limiter = RedisRateLimiter(redis, there.keys, Breaker(SystemClock()))
    reader, doctor = Reader(there, redis=redis), there.doctor()
    slot = there.slot(doctor)

    taken = [limiter.take(LIMIT, route="GET /x", who="alice").is_allowed for _ in range(2)]

    assert taken == [True, False]
    assert reader.slots(doctor) == [slot]
    there.slot(doctor, starts_in=timedelta(days=3))
    assert reader.slots(doctor) == [slot]  # as kept: nothing told the pages of the other one


def test_service_goes_on_after_a_master_died(
    redis_nodes: RedisNodes, there: House, redis: Redis
) -> None:
    slot, alice = there.slot(), there.patient()
    lost = _master_of(redis_nodes, redis, there.keys.lock(slot))
    there.book(there.slot(starts_in=timedelta(days=3)), there.patient())  # connections are open

    kill(lost)
    refused, attempt = in_the_end(lambda: there.hold(slot, alice))

    assert refused > 0
    assert in_the_end(lambda: there.verify(attempt, alice))[1].booking.slot_id == slot
    lost.start()
    lost.wait_ready()


def test_a_hold_refused_halfway_leaves_nothing_on_the_nodes_that_are_up(
    redis_nodes: RedisNodes, there: House, redis: Redis
) -> None:
    """On a Cluster a patient's place may be on another node than the slot's lock."""
    if not isinstance(redis, Cluster):
        pytest.skip("one master has all")
    slot, alice = there.slot(), there.patient()
    lost = _master_of(redis_nodes, redis, there.keys.lock(slot))
    places = there.keys.places(alice)
    while _master_of(redis_nodes, redis, places).name == lost.name:
        alice = there.patient()
        places = there.keys.places(alice)

    with frozen(lost):
        with pytest.raises(Unavailable):
            there.hold(slot, alice)
        assert redis.zcard(places) == 0
    lost.wait_ready()


def test_service_goes_on_while_a_master_is_frozen(
    redis_nodes: RedisNodes, there: House, redis: Redis
) -> None:
    slot, alice = there.slot(), there.patient()
    lost = _master_of(redis_nodes, redis, there.keys.lock(slot))
    there.book(there.slot(starts_in=timedelta(days=3)), there.patient())

    with frozen(lost):
        refused, attempt = in_the_end(lambda: there.hold(slot, alice))
        assert refused > 0
        assert in_the_end(lambda: there.verify(attempt, alice))[1].booking.slot_id == slot
    lost.wait_ready()


def _master_of(nodes: RedisNodes, redis: Redis, key: str) -> Server:
    """Who holds the key."""
    redis.ping()
    if isinstance(redis, Cluster):
        holder = redis._map.master_of(key_slot(key.encode()))
        assert holder is not None
        return nodes.on_port(holder[1])
    pool: Any = redis.connection_pool  # of Sentinel's
    return nodes.on_port(pool.get_master_address()[1])
