from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from redis import Redis

from local.config import Config, Topology
from local.processes import Server
from local.redis_servers import redis_servers
from slotkeeper.adapters.redis.client import connect
from tests.support import servers
from tests.support.nodes import running
from tests.topology.secured import Secured, secured_mongod


@dataclass(frozen=True)
class RedisNodes:
    config: Config
    nodes: dict[str, Server]

    def connect(self) -> Redis:
        return connect(self.config.redis_url, self.config.redis_mode)

    def on_port(self, port: int) -> Server:
        [found] = [node for node in self.nodes.values() if node.port == port]
        return found


@pytest.fixture(scope="module", params=["ha", "cluster"])
def redis_nodes(request: pytest.FixtureRequest) -> Iterator[RedisNodes]:
    """The Valkeys of a topology alone; MongoDB is the session's."""
    yield from nodes_of(request.param)


def nodes_of(topology: Topology) -> Iterator[RedisNodes]:
    config = servers.config(topology)
    nodes = redis_servers(config)
    with running(config, nodes):
        yield RedisNodes(config, {node.name: node for node in nodes})


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A mongod that wants TLS and a password."""
    with secured_mongod(tmp_path_factory.mktemp("tls")) as server:
        yield server
