"""Real servers for the tests: a local system of their own, beside the one `make run` made."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from redis import Redis

from local import servers
from local.config import HOST, TOOLS, Config, Topology
from local.down import down
from local.processes import is_taken
from local.up import up
from slotkeeper.adapters.redis.client import connect
from slotkeeper.redis_url import RedisMode

NOBODY = 9  # the discard port: nobody listens there
ENOUGH = 3 * 2**30
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

    SLOTKEEPER_TEST names another one, for two runs side by side; processes of one run have each
    their own, on the same ports every time: what is deployed there need not be deployed again.
    """
    run = os.environ.get("SLOTKEEPER_TEST", "")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    name = run + worker
    place = 20 * (1 + int(worker.removeprefix("gw"))) if worker else 0
    usual = Config(
        state=TOOLS / f"test{name}" if topology == "single" else _scratch() / f"{topology}-{name}",
        rules=RULES,
        mongo_test_commands=True,
        topology=topology,
        api_port=4711 + place,
        web_port=4712 + place,
        mongo_port=27217 + place,
        redis_port=6579 + place,
        payment="simulator",
        payment_port=4713 + place,
    )
    down(usual)
    if topology == "single":
        _keep_in_memory(usual)
    if topology == "single" and not run and not any(is_taken(port) for port in usual.ports):
        return usual
    if topology != "single":
        # Nodes know each other by port: on others than last time they begin anew.
        shutil.rmtree(usual.state, ignore_errors=True)
    return free_ports(usual)


def free_ports(config: Config) -> Config:
    """The same, on ports that nobody listens on."""
    while True:
        api, web, mongo, redis, payment = (_any_port() for _ in range(5))
        moved = replace(
            config,
            api_port=api,
            web_port=web,
            mongo_port=mongo,
            redis_port=redis,
            payment_port=payment,
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
    _make_steady(config)
    return Stores(config.mongo_uri, config.redis_url, config.redis_mode)


def start_all(config: Config) -> dict[str, Any]:
    return up(config)


def _scratch() -> Path:
    """Where many nodes may write much: in memory where there is enough of it."""
    memory = Path("/dev/shm")  # noqa: S108  # below it, a folder of this checkout's own
    if memory.is_dir() and shutil.disk_usage(memory).free > ENOUGH:
        return memory / f"slotkeeper-{hashlib.sha256(str(TOOLS).encode()).hexdigest()[:12]}"
    return TOOLS / "test-topologies"


def _keep_in_memory(config: Config) -> None:
    """Where there is enough of it: a busy disk answers no write for seconds, and tests time out."""
    data, memory = _mongo_data(config), _scratch() / config.state.name / "mongod"
    if data.is_symlink():  # of an earlier run; what it led to may be gone
        data.unlink()
    if not memory.is_relative_to(TOOLS):
        memory.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(data, ignore_errors=True)
        data.parent.mkdir(parents=True, exist_ok=True)
        data.symlink_to(memory)


def _mongo_data(config: Config) -> Path:
    return config.home / "mongod" / "data"


def _make_steady(config: Config) -> None:
    """Have nobody taken for dead because the machine is busy: a run that loses no node."""
    if config.topology == "cluster":
        for port in config.valkey_ports.values():
            with Redis(host=HOST, port=port) as node:
                node.config_set("cluster-node-timeout", 15_000)
    if len(config.mongo_ports) > 1:
        with MongoClient[dict[str, Any]](config.mongo_uri) as client:
            known = client.admin.command("replSetGetConfig")["config"]
            known["version"] += 1
            known["settings"] |= {"electionTimeoutMillis": 15_000, "heartbeatTimeoutSecs": 10}
            client.admin.command("replSetReconfig", known)


def stop_all(config: Config) -> None:
    with suppress(OSError):
        down(config)
    if config.topology != "single":
        shutil.rmtree(config.state, ignore_errors=True)
    elif _mongo_data(config).is_symlink():
        # Where it was put at the start: by now there may be less memory than was enough.
        shutil.rmtree(_mongo_data(config).resolve(), ignore_errors=True)


def _any_port() -> int:
    # Lower than the system's own choices, of which a client's connection may take one before the
    # server is up; and than the usual ports, which others start on later.
    return random.randrange(10_000, 26_000)  # noqa: S311  # a port, no secret
