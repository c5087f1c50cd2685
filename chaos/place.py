"""Where a run takes place: its own state, ports and rules."""

from __future__ import annotations

from dataclasses import replace

from local.config import TOOLS, Config, Topology
from local.processes import is_taken
from local.progress import LocalError

FIRST_PORT, LAST_PORT = 14_100, 30_000
"""Below those that the kernel gives to clients."""
BLOCK = 100
PROXIES_AFTER = 60
SQS_AFTER = 99
RULES = {
    "OtpResendWaitSeconds": "0",
    "OtpMaxFailures": "100",
    "OtpFailureWindowSeconds": "60",
    "OtpDailyPerUser": "1000",
    "OtpDailyPerPhone": "1000",
    "RateLimitIp": "0",
    "RateLimitReads": "0",
    "RateLimitWrites": "0",
}


def config_of(topology: Topology, *, hold_seconds: int, name: str = "chaos") -> Config:
    """A local system of its own, every store of it known by the port of its proxy."""
    state = TOOLS / name / topology
    first = _free_block()
    config = Config(
        state=state,
        api_port=first,
        mongo_port=first + 10,
        redis_port=first + 20,
        payment_port=first + 5,
        web_port=first + 6,
        rules={
            **RULES,
            "HoldSeconds": str(hold_seconds),
            "OtpSeconds": str(hold_seconds),
        },
        mongo_test_commands=False,
        topology=topology,
    )
    names = [*config.mongo_ports, *config.valkey_ports, *config.sentinel_ports]
    announced = {name: first + PROXIES_AFTER + n for n, name in enumerate(names)}
    return replace(config, announced=announced)


def _free_block() -> int:
    for first in range(FIRST_PORT, LAST_PORT, BLOCK):
        if not any(is_taken(port) for port in range(first, first + BLOCK)):
            return first
    raise LocalError("no hundred free ports in a row")
