"""A house that sixty-four can be in at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from slotkeeper.adapters.redis.client import connect as connect_redis
from slotkeeper.adapters.redis.codes import RedisCodes
from slotkeeper.adapters.redis.gate import RedisGate
from tests.concurrency.commands import COMMANDS
from tests.concurrency.race import THREADS
from tests.support.house import House
from tests.support.servers import Stores


@pytest.fixture
def house(house: House, stores: Stores) -> Iterator[House]:
    """As the functions connect, but with a connection for every contender.

    One invocation makes a handful of calls at a time; sixty-four in one process would wait for
    each other's connections and race no more.
    """
    narrow = house.database
    wide = narrow.client._duplicate(maxPoolSize=THREADS, event_listeners=[COMMANDS])
    with wide, connect_redis(stores.redis_url) as redis:
        redis.connection_pool.connection_kwargs["socket_timeout"] = 5
        yield replace(
            house.on_database(wide[narrow.name]),
            redis=redis,
            gate=RedisGate(redis, house.keys, house.policy),
            codes=RedisCodes(redis, house.keys, house.policy),
        )
