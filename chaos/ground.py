"""The system that faults are done to: its servers, the proxies before them, who leads whom."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from redis import Redis
from redis.exceptions import RedisError

from chaos.place import SQS_AFTER
from chaos.proxy import Proxies, Proxy
from chaos.toxic import Toxic
from local import aws, deploy, servers
from local.config import HOST, Config
from local.down import down
from local.processes import Server
from local.up import up

SQS_ENDPOINT = "AWS_ENDPOINT_URL_SQS"
"""The SDK asks this one for SQS alone; functions inherit it from the emulator that runs them."""


@dataclass(slots=True)
class Ground:
    """A running system and the ways to hurt it; `heal` undoes everything."""

    config: Config
    proxies: Proxies
    stack: dict[str, Any] = field(default_factory=dict)
    by_name: dict[str, Proxy] = field(default_factory=dict)
    sqs: Proxy | None = None

    def bring_up(self) -> None:
        """A fresh system: nothing in its stores and queues but the demo clinic."""
        config = self.config
        down(config)
        for left in (config.home, config.state / "emulator"):
            for old in [left] if left != config.state else config.state.glob("*/data"):
                shutil.rmtree(old, ignore_errors=True)
        (config.state / "deploy.stamp").unlink(missing_ok=True)
        for name, port in self._own_ports().items():
            self.by_name[name] = self.proxies.add(name, port=config.announced[name], target=port)
        port = config.api_port + SQS_AFTER
        self.sqs = self.proxies.add("sqs", port=port, target=config.api_port)
        told = {
            SQS_ENDPOINT: f"http://{HOST}:{port}",
            # As on Lambda, where drivers go by it: MongoDB's asks who leads instead of listening.
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.runtime}",
        }
        os.environ.update(told)
        try:
            self.stack = up(config)
        finally:
            for name in told:
                del os.environ[name]

    def take_build_of(self, other: Config) -> None:
        """Deploy what the other system builds, instead of building it here as well."""
        other.state.mkdir(parents=True, exist_ok=True)
        deploy.build(other)
        here = self.config.state / "build"
        if here.is_symlink():
            here.unlink()
        elif here.exists():
            shutil.rmtree(here)
        here.symlink_to(other.state / "build")
        shutil.copy(other.state / "build.stamp", self.config.state / "build.stamp")

    def bring_down(self) -> None:
        """Also of what was brought up in part, and of what is hurt."""
        for proxy in self.by_name.values():
            proxy.set(None)
        for name in self._own_ports():
            self.thaw(name)
        down(self.config)

    # --- hurt

    def kill(self, name: str) -> None:
        self._signal(name, signal.SIGKILL)

    def restart(self, name: str) -> None:
        """What a supervisor does with a process that ended."""
        self.server(name).start()

    def freeze(self, name: str) -> None:
        self._signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def poison(self, names: list[str], toxic: Toxic | None) -> None:
        for name in names:
            self.by_name[name].set(toxic)

    def flush_redis(self) -> None:
        for name in self.redis_masters():
            with self.redis(name) as redis, suppress(RedisError):
                redis.flushall()

    def stop_sqs(self, toxic: Toxic) -> None:
        """Functions cannot reach it, and it hands nothing to its consumer."""
        assert self.sqs is not None
        self.sqs.set(toxic)
        self._deliver(is_on=False)

    def start_sqs(self) -> None:
        assert self.sqs is not None
        self.sqs.set(None)
        self._deliver(is_on=True)

    def heal(self) -> None:
        """Every process runs, every proxy behaves, SQS delivers."""
        for proxy in self.by_name.values():
            proxy.set(None)
        for name in self._own_ports():
            self.thaw(name)
            self.restart(name)
        if self.sqs is not None and servers.emulator(self.config).is_running():
            self.start_sqs()

    # --- look

    def server(self, name: str) -> Server:
        return servers.named(self.config, name)

    @property
    def mongods(self) -> list[str]:
        return list(self.config.mongo_ports)

    @property
    def redis_nodes(self) -> list[str]:
        return list(self.config.valkey_ports)

    @property
    def sentinels(self) -> list[str]:
        return list(self.config.sentinel_ports)

    def mongo(self, name: str) -> MongoClient[dict[str, Any]]:
        """Straight to the mongod, past its proxy."""
        uri = f"mongodb://{HOST}:{self.config.mongo_ports[name]}/?directConnection=true"
        return MongoClient(
            uri, tz_aware=True, serverSelectionTimeoutMS=500, timeoutMS=2_000, appname="chaos"
        )

    def redis(self, name: str) -> Redis:
        port = self.config.valkey_ports[name]
        return Redis(host=HOST, port=port, socket_timeout=1.0, decode_responses=True)

    def primary(self) -> str | None:
        """The mongod that leads, by the newest term, or None while there is none."""
        led: dict[str, int] = {}
        for name in self.mongods:
            with self.mongo(name) as client, suppress(PyMongoError):
                hello = client.admin.command("hello")
                if hello.get("isWritablePrimary"):
                    led[name] = int(hello.get("lastWrite", {}).get("opTime", {}).get("t", 0))
        return max(led, key=lambda name: led[name], default=None)

    def redis_masters(self) -> list[str]:
        found = []
        for name in self.redis_nodes:
            with self.redis(name) as redis, suppress(RedisError):
                if str(redis.execute_command("ROLE")[0]) == "master":
                    found.append(name)
        return found

    def _own_ports(self) -> dict[str, int]:
        config = self.config
        return {**config.mongo_ports, **config.valkey_ports, **config.sentinel_ports}

    def _signal(self, name: str, what: signal.Signals) -> None:
        pid = self.server(name).pid
        if pid is not None:
            os.kill(pid, what)

    def _deliver(self, *, is_on: bool) -> None:
        lambda_ = aws.client(self.config, "lambda")
        for mapping in lambda_.list_event_source_mappings()["EventSourceMappings"]:
            lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=is_on)
