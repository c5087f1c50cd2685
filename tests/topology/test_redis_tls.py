"""TLS and passwords for Redis in every mode.

The wheel's Valkey is built without TLS: a door before each node speaks it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from redis import Redis

from local.config import HOST, SENTINEL_MASTER, Config, Topology
from local.redis_servers import redis_servers
from slotkeeper.adapters.redis.client import connect, one_trip
from slotkeeper.domain.errors import Unavailable
from tests.support import servers
from tests.support.nodes import running
from tests.support.tls import Certificates, Front, fronts, make_certificates

USER, PASSWORD, OF_SENTINELS = "slotkeeper", "a p@ss", "another"
QUOTED = "a%20p%40ss"


@dataclass(frozen=True)
class Secured:
    config: Config
    certificates: Certificates
    doors: dict[str, Front]

    def url(self, *, password: str = QUOTED, ca: Path | None = None, of_sentinels: str = "") -> str:
        hosts = self.config.redis_url.removeprefix("redis://").removesuffix("/0")
        query = f"ssl_ca_certs={ca or self.certificates.ca}"
        if self.config.topology == "ha":
            query += f"&sentinel_password={of_sentinels or OF_SENTINELS}"
        return f"rediss://{USER}:{password}@{hosts}/0?{query}"

    def connect(self, url: str) -> Redis:
        return connect(url, self.config.redis_mode)


@pytest.fixture(scope="module", params=["single", "ha", "cluster"])
def secured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Secured]:
    topology: Topology = request.param
    home = tmp_path_factory.mktemp("tls")
    certificates = make_certificates(home)
    config = servers.free_ports(
        replace(servers.config("cluster"), state=home / "state", topology=topology)
    )
    names = [*config.valkey_ports, *config.sentinel_ports]
    with fronts(certificates, names) as doors:
        config = replace(config, announced={name: door.port for name, door in doors.items()})
        ports = {**config.valkey_ports, **config.sentinel_ports}
        for name, door in doors.items():
            door.to_port = ports[name]
        with running(config, redis_servers(config)):
            _ask_for_passwords(config)
            yield Secured(config, certificates, doors)


def test_the_right_password_and_authority_are_let_in(secured: Secured) -> None:
    with secured.connect(secured.url()) as redis:
        told = one_trip(redis, *(_setting(number) for number in range(6)))

    assert told == [True] * 6
    assert sum(door.encrypted for door in secured.doors.values()) > 0


@pytest.mark.parametrize("wrong", ["password", "authority", "sentinels' password"])
def test_a_wrong_one_is_unavailable(secured: Secured, wrong: str) -> None:
    if wrong == "sentinels' password" and not secured.config.sentinel_ports:
        pytest.skip("there are no Sentinels")
    url = {
        "password": secured.url(password="guessed"),
        "authority": secured.url(ca=secured.certificates.other_ca),
        "sentinels' password": secured.url(of_sentinels="guessed"),
    }[wrong]

    with secured.connect(url) as redis, pytest.raises(Unavailable):
        one_trip(redis, _setting(1))


def test_without_tls_or_password_nobody_is_let_in(secured: Secured) -> None:
    with secured.connect(secured.config.redis_url) as redis, pytest.raises(Unavailable):
        one_trip(redis, _setting(1))


def _setting(number: int):  # type: ignore[no-untyped-def]  # a command
    return lambda p: p.set(f"k{number}", "v", px=60_000)


def _ask_for_passwords(config: Config) -> None:
    """Of clients, by users as in production; the nodes know each other by `default`."""
    for port in config.valkey_ports.values():
        with Redis(host=HOST, port=port) as node:
            node.acl_setuser(
                USER, enabled=True, passwords=[f"+{PASSWORD}"], keys="*", commands=["+@all"]
            )
            node.config_set("primaryauth", "between-nodes")
            node.config_set("requirepass", "between-nodes")
    for port in config.sentinel_ports.values():
        with Redis(host=HOST, port=port) as sentinel:
            sentinel.sentinel_set(SENTINEL_MASTER, "auth-pass", "between-nodes")
            sentinel.acl_setuser(
                "default", enabled=True, reset_passwords=True, passwords=[f"+{OF_SENTINELS}"]
            )
