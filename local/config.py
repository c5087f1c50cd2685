"""The settings of a local system: what it is made of, where it keeps its state, which ports."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from local.progress import LocalError
from slotkeeper.redis_url import RedisMode

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".local"
HOST = "127.0.0.1"
REGION = "us-east-1"
ACCOUNT = "000000000000"
ADMIN = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
}
"""The emulator's root user."""
EMAIL_FROM = "no-reply@slotkeeper.example"
ENVIRONMENT = "local"
STACK = "slotkeeper-local"

Topology = Literal["single", "ha", "cluster"]
"""One server of each kind; a replica set and Sentinel; a replica set and a Cluster."""
PaymentChoice = Literal["none", "simulator"]
"""Whether doctors' fees are taken, by a provider on this machine."""
PAYMENTS: tuple[PaymentChoice, ...] = get_args(PaymentChoice)
TOPOLOGIES: tuple[Topology, ...] = get_args(Topology)
SENTINEL_MASTER = "slotkeeper"
_MONGODS = 3
_VALKEYS: dict[Topology, int] = {"single": 1, "ha": 2, "cluster": 6}
_SENTINELS = 3
_BUS_AFTER = 10
"""Cluster nodes speak among themselves on ports this far behind those for clients."""
_SENTINELS_AFTER = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One local system; two with different `state` and ports run side by side."""

    state: Path
    api_port: int
    mongo_port: int
    redis_port: int
    rules: dict[str, str]
    """Template parameters of the booking rules: shorter here than in production."""
    mongo_test_commands: bool
    topology: Topology = "single"
    announced: Mapping[str, int] = field(default_factory=dict)
    """By a node's name, the port others and clients find it on where that is not its own (a proxy
    stands before it)."""

    web_port: int = 4612
    """Of the page's address (`local/front.py`)."""
    payment: PaymentChoice = "none"
    payment_port: int = 4613
    tracing_endpoint: str = ""
    """Of a collector that every request is traced to; none by default."""

    @property
    def home(self) -> Path:
        """Where the stores keep their data: each topology has its own."""
        return self.state if self.topology == "single" else self.state / self.topology

    @property
    def mongo_ports(self) -> dict[str, int]:
        """The mongods by name, and where each listens."""
        if self.topology == "single":
            return {"mongod": self.mongo_port}
        return {f"mongod-{i}": self.mongo_port + i for i in range(_MONGODS)}

    @property
    def valkey_ports(self) -> dict[str, int]:
        if self.topology == "single":
            return {"valkey": self.redis_port}
        return {f"valkey-{i}": self.redis_port + i for i in range(_VALKEYS[self.topology])}

    @property
    def sentinel_ports(self) -> dict[str, int]:
        if self.topology != "ha":
            return {}
        first = self.redis_port + _SENTINELS_AFTER
        return {f"sentinel-{i}": first + i for i in range(_SENTINELS)}

    @property
    def ports(self) -> list[int]:
        """All that the topology takes."""
        stores = {**self.mongo_ports, **self.valkey_ports, **self.sentinel_ports}
        buses = [bus_port(port) for port in self.valkey_ports.values()]
        payment = [self.payment_port] if self.payment == "simulator" else []
        return [
            self.api_port,
            self.web_port,
            *payment,
            *stores.values(),
            *(buses if self.topology == "cluster" else []),
        ]

    def of(self, topology: Topology) -> Config:
        return replace(self, topology=topology)

    def address(self, name: str) -> str:
        """host:port under which the others and clients know the node."""
        own = {**self.mongo_ports, **self.valkey_ports, **self.sentinel_ports}[name]
        return f"{HOST}:{self.announced.get(name, own)}"

    @property
    def aws_endpoint(self) -> str:
        return f"http://{HOST}:{self.api_port}"

    @property
    def web_url(self) -> str:
        return f"http://{HOST}:{self.web_port}/"

    @property
    def payment_parameters(self) -> dict[str, str]:
        """Template parameters: the simulator speaks the provider's language."""
        if self.payment == "none":
            # `sam deploy` takes no empty value; the template's own is.
            return {"PaymentProvider": "none"}
        api_base = f"http://{HOST}:{self.payment_port}"
        return {"PaymentProvider": "stripe", "PaymentApiBase": api_base}

    @property
    def mongo_uri(self) -> str:
        members = ",".join(self.address(name) for name in self.mongo_ports)
        return f"mongodb://{members}/slotkeeper?replicaSet=rs0"

    @property
    def redis_mode(self) -> RedisMode:
        """`REDIS_MODE` of the functions."""
        return "sentinel" if self.topology == "ha" else self.topology

    @property
    def redis_url(self) -> str:
        asked = self.sentinel_ports or self.valkey_ports
        return f"redis://{','.join(self.address(name) for name in asked)}/0"

    @property
    def runtime(self) -> str:
        """The Lambda runtime that is this interpreter: the emulator runs functions on it."""
        return f"python{sys.version_info.major}.{sys.version_info.minor}"


_RULES = {
    # A person who reads README, the SMS and the answer at leisure still makes it.
    "HoldSeconds": "120",
    "OtpSeconds": "120",
    "OtpResendWaitSeconds": "0",
    # The demo users are shared by everybody who tries things out.
    "OtpMaxFailures": "100",
    "OtpFailureWindowSeconds": "600",
    "OtpDailyPerUser": "1000",
    "OtpDailyPerPhone": "1000",
    # Everybody is 127.0.0.1 here, and a race tried by hand is many requests of one user at once.
    "RateLimitIp": "20000",
    "RateLimitReads": "1200",
    "RateLimitWrites": "300",
}


def bus_port(port: int) -> int:
    """Where the Cluster node that clients find on `port` listens to the other nodes."""
    return port + _BUS_AFTER


def from_environment() -> Config:
    """Ports by API_PORT, WEB_PORT, MONGO_PORT, REDIS_PORT, PAYMENT_PORT, state by SLOTKEEPER_STATE,
    rules by name.

    Raises:
        LocalError: TOPOLOGY or PAYMENT is none that there is.
    """
    env = os.environ
    topology = env.get("TOPOLOGY") or "single"
    if topology not in TOPOLOGIES:
        raise LocalError(f"TOPOLOGY is one of {', '.join(TOPOLOGIES)}; not {topology!r}")
    payment = env.get("PAYMENT") or "none"
    if payment not in PAYMENTS:
        raise LocalError(f"PAYMENT is one of {', '.join(PAYMENTS)}; not {payment!r}")
    rules = {name: env.get(_variable(name), value) for name, value in _RULES.items()}
    return Config(
        state=Path(env.get("SLOTKEEPER_STATE") or TOOLS).resolve(),
        api_port=int(env.get("API_PORT", "4611")),
        mongo_port=int(env.get("MONGO_PORT", "27117")),
        redis_port=int(env.get("REDIS_PORT", "6479")),
        web_port=int(env.get("WEB_PORT", "4612")),
        rules=rules,
        mongo_test_commands=env.get("MONGO_TEST_COMMANDS") == "1",
        topology=topology,
        payment=payment,
        payment_port=int(env.get("PAYMENT_PORT", "4613")),
        tracing_endpoint=env.get("TRACING", ""),
    )


def as_running(config: Config) -> Config:
    """The same system as it was brought up last: its topology is remembered in `stack.json`."""
    try:
        known = json.loads((config.state / "stack.json").read_text())
    except (OSError, ValueError):
        return config
    return config.of(known.get("topology", "single"))


def _variable(parameter: str) -> str:
    """HoldSeconds -> HOLD_SECONDS."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", parameter).upper()
