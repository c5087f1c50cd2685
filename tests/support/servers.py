"""Real servers for the tests: a local system of their own, beside the one `make run` made."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from local import servers
from local.config import HOST, TOOLS, Config
from local.down import down
from local.processes import is_taken
from local.up import up

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


def config() -> Config:
    """The tests' system; on other ports where its usual ones are taken by somebody else.

    SLOTKEEPER_TEST names another one, for two runs side by side.
    """
    name = os.environ.get("SLOTKEEPER_TEST", "")
    state = TOOLS / f"test{name}"
    usual = {"api_port": 4711, "mongo_port": 27217, "redis_port": 6579}
    if name:
        usual = {port: _any_port() for port in usual}
    wanted = Config(state=state, rules=RULES, mongo_test_commands=True, **usual)
    down(wanted)
    free = {name: port if not is_taken(port) else _any_port() for name, port in usual.items()}
    return Config(state=state, rules=RULES, mongo_test_commands=True, **free)


@dataclass(frozen=True, slots=True)
class Stores:
    mongo_uri: str
    redis_url: str


def start_stores(config: Config) -> Stores:
    """mongod and Valkey alone: enough for everything but end to end."""
    for server in (servers.mongod(config), servers.valkey(config)):
        server.start()
        server.wait_ready()
    return Stores(config.mongo_uri, config.redis_url)


def start_all(config: Config) -> dict[str, Any]:
    return up(config)


def stop_all(config: Config) -> None:
    with suppress(OSError):
        down(config)


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
