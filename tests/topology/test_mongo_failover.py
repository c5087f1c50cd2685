"""A replica set of three: confirmed bookings survive its primary, and service comes back."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import pytest

from local.config import Config
from local.mongo_servers import mongods
from local.processes import Server
from slotkeeper.adapters.mongo.client import connect
from slotkeeper.adapters.mongo.indexes import create_indexes
from tests.support import servers
from tests.support.house import House
from tests.support.nodes import frozen, in_the_end, kill, running


@pytest.fixture(scope="module")
def members() -> Iterator[Config]:
    config = servers.config("ha")
    with running(config, mongods(config)):
        yield config


@pytest.fixture
def there(members: Config, house: House) -> Iterator[House]:
    """The house, on the set of three."""
    uri = members.mongo_uri.replace("/slotkeeper?", f"/t{uuid.uuid4().hex[:12]}?")
    with connect(uri).client as client:
        create_indexes(client.get_default_database())
    moved = House.on(uri, house.redis, environment=house.keys.environment)
    yield replace(moved, pages=house.pages)
    moved.database.client.close()


@contextmanager
def _killed(node: Server) -> Iterator[None]:
    kill(node)
    yield
    node.start()


@pytest.mark.parametrize("lost", [_killed, frozen], ids=["killed", "frozen"])
def test_bookings_survive_the_primary_and_others_are_made(
    members: Config, there: House, lost: Callable[[Server], AbstractContextManager[None]]
) -> None:
    first, alice = there.slot(), there.patient()
    confirmed = there.book(first, alice)
    second, bob = there.slot(), there.patient()
    primary = _primary(members, there)

    with lost(primary):
        _, attempt = in_the_end(lambda: there.hold(second, bob))
        _, confirmation = in_the_end(lambda: there.verify(attempt, bob))

        assert there.document(first)["bookingId"] == confirmed.id
        assert there.document(second)["bookingId"] == confirmation.booking.id
        assert _primary(members, there).name != primary.name
    primary.wait_ready()


def _primary(members: Config, there: House) -> Server:
    address = there.database.command("hello")["primary"]
    [found] = [node for node in mongods(members) if members.address(node.name) == address]
    return found
