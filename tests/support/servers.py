"""Real servers for the tests: a local system of their own, beside the one `make run` made."""

from __future__ import annotations

import os
import shutil
import socket
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from redis import Redis

from local import servers
from local.config import HOST, TOOLS, Config, Topology
from local.down import down
from local.processes import is_taken
from local.up import up
from slotkeeper.adapters.redis.client import connect
from slotkeeper.redis_url import RedisMode

RULES = {
    # Long enough for fifty cold functions at once, short enough to wait for.
    "HoldSeconds": "30",
    "OtpSeconds": "30",
    "OtpResendWaitSeconds": "0",
    "OtpMaxFailures": "100",
    "OtpFailureWindowSeconds": "600",
    "OtpDailyPerUser": "1000",
    "OtpDailyPerPhone": "1000",
    # All tests are one address; a test of the limits reaches that of writes within seconds.
    "RateLimitIp": "20000",
    "RateLimitReads": "1200",
    "RateLimitWrites": "300",
}


def config(topology: Topology = "single") -> Config:
    """The tests' system; on other ports where its usual ones are taken by somebody else.

    SLOTKEEPER_TEST names another one, for two runs side by side.
    """
    name = os.environ.get("SLOTKEEPER_TEST", "")
    usual = Config(
        state=TOOLS / f"test{name}{'' if topology == 'single' else f'-{topology}'}",
        rules=RULES,
        mongo_test_commands=True,
        topology=topology,
        api_port=4711,
        mongo_port=27217,
        redis_port=6579,
        payment="simulator",
        payment_port=4713,
    )
    down(usual)
    if topology == "single" and not name and not any(is_taken(port) for port in usual.ports):
        return usual
    if topology != "single":
        # Nodes know each other by port: on others than last time they begin anew.
        shutil.rmtree(usual.state, ignore_errors=True)
    while True:
        api, mongo, redis, payment = (_any_port() for _ in range(4))
        moved = replace(
            usual, api_port=api, mongo_port=mongo, redis_port=redis, payment_port=payment
        )
        if len(set(moved.ports)) == len(moved.ports) and not any(map(is_taken, moved.ports)):
            return moved


@dataclass(frozen=True, slots=True)
class Stores:
    mongo_uri: str
    redis_url: str
    redis_mode: RedisMode

    def connect_redis(self) -> Redis:
        return connect(self.redis_url, self.redis_mode)

    def database_uri(self, name: str) -> str:
        return self.mongo_uri.replace("/slotkeeper?", f"/{name}?")


def start_stores(config: Config) -> Stores:
    """mongod and Valkey alone: enough for everything but end to end."""
    all_stores = servers.stores(config)
    for server in all_stores:
        server.start()
    for server in all_stores:
        server.wait_ready()
    return Stores(config.mongo_uri, config.redis_url, config.redis_mode)


def start_all(config: Config) -> dict[str, Any]:
    return up(config)


def stop_all(config: Config) -> None:
    with suppress(OSError):
        down(config)
    if config.topology != "single":
        shutil.rmtree(config.state, ignore_errors=True)


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
