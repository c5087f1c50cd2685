"""One world for many histories."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from tests.model.world import World
from tests.support.house import House
from tests.support.servers import Stores

Founded = Callable[..., World]


@pytest.fixture
def found(stores: Stores, mongo: MongoClient[dict[str, Any]]) -> Iterator[Founded]:
    """Makes a world on a database of its own; a class of house makes it another one's."""
    names = []

    def on(house_class: type[House] = House, client: MongoClient[Any] = mongo) -> World:
        names.append(f"t{uuid.uuid4().hex[:12]}")
        world = World.on(client, names[-1], _of_its_own(stores.redis_url), house_class)
        world.begin()
        return world

    yield on
    for name in names:
        mongo.drop_database(name)


@pytest.fixture
def world(found: Founded) -> World:
    return found()


def _of_its_own(redis_url: str) -> str:
    """Another database of the same server: a clock that stands is everybody's there."""
    return f"{redis_url.removesuffix('/0')}/1"
