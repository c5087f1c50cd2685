"""Servers for the whole session, a house of its own for each test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from local.config import TOPOLOGIES, Config, Topology
from slotkeeper import deadline
from tests.support import servers
from tests.support.databases import Databases
from tests.support.house import House
from tests.support.lanes import Lanes, longest_first
from tests.support.servers import Stores

pytest_plugins = ("tests.support.deployed",)
TOPOLOGY: Topology = next(
    one for one in TOPOLOGIES if one == os.environ.get("SLOTKEEPER_TOPOLOGY", "single")
)
"""What the stores of this run are made of."""


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:  # Any: xdist's own
    return Lanes(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, on any other topology, what is about one server."""
    longest_first(items)
    if TOPOLOGY == "single":
        return
    left_out = [item for item in items if item.get_closest_marker("one_server")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True)
def no_deadline() -> Iterator[None]:
    """A test that ran a handler leaves no invocation's end behind for those after it."""
    yield
    deadline._ends_at.set(None)


@pytest.fixture(scope="session")
def system() -> Iterator[Config]:
    config = servers.config(TOPOLOGY)
    yield config
    servers.stop_all(config)


@pytest.fixture(scope="session")
def stores(system: Config) -> Stores:
    return servers.start_stores(system)


@pytest.fixture(scope="session")
def mongo(stores: Stores) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](stores.mongo_uri, tz_aware=True, maxPoolSize=200) as client:
        yield client


@pytest.fixture(scope="session")
def databases(mongo: MongoClient[dict[str, Any]]) -> Iterator[Databases]:
    made = Databases(mongo)
    yield made
    made.drop_all()


@pytest.fixture
def never_used(databases: Databases) -> None:
    """A test's database is a new one.

    An index that once held an array (others plant such documents) sorts no more, for good.
    """
    databases.drop_all()


@pytest.fixture
def house(stores: Stores, databases: Databases) -> Iterator[House]:
    """A database and a Redis prefix that nobody else uses, with every index."""
    prefix = f"t{uuid.uuid4().hex[:12]}"
    with databases.one() as database, stores.connect_redis() as redis:
        made = House.on(stores.database_uri(database.name), redis, environment=prefix)
        yield made
        made.database.client.close()
        for key in redis.scan_iter(f"{prefix}:*"):
            redis.delete(key)
