"""Servers for the whole session, a house of its own for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from local.config import Config
from slotkeeper.adapters.mongo.indexes import create_indexes
from slotkeeper.adapters.redis.client import connect as connect_redis
from tests.support import servers
from tests.support.house import House
from tests.support.servers import Stores


@pytest.fixture(scope="session")
def system() -> Iterator[Config]:
    config = servers.config()
    yield config
    servers.stop_all(config)


@pytest.fixture(scope="session")
def stores(system: Config) -> Stores:
    return servers.start_stores(system)


@pytest.fixture(scope="session")
def mongo(stores: Stores) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](stores.mongo_uri, tz_aware=True, maxPoolSize=200) as client:
        yield client


@pytest.fixture
def house(stores: Stores, mongo: MongoClient[dict[str, Any]]) -> Iterator[House]:
    """A database and a Redis prefix that nobody else uses, with every index."""
    name = f"t{uuid.uuid4().hex[:12]}"
    database = mongo[name]
    create_indexes(database)
    uri = stores.mongo_uri.replace("/slotkeeper?", f"/{name}?")
    with connect_redis(stores.redis_url) as redis:
        made = House.on(uri, redis, environment=name)
        yield made
        made.database.client.close()
        for key in redis.scan_iter(f"{name}:*"):
            redis.delete(key)
    mongo.drop_database(name)
