"""The commands of the local system, and what it survives. Last: it kills the servers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from local import servers
from local.api import Patient
from local.config import HOST, ROOT, Config
from local.progress import LocalError
from local.up import up
from tests.support.deployed import NextSlot


def _local(config: Config, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `make -s ...` runs, on the tests' own system."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "common")]),
        "SLOTKEEPER_STATE": str(config.state),
        "API_PORT": str(config.api_port),
        "MONGO_PORT": str(config.mongo_port),
        "REDIS_PORT": str(config.redis_port),
    }
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_token_prints_a_token_and_nothing_else(system: Config, stack: dict[str, Any]) -> None:
    first = _local(system, "token", "--user", "alice", "--role", "patient").stdout.splitlines()
    again = _local(system, "token", "--user", "alice").stdout.splitlines()

    assert len(first) == len(again) == 1
    assert first[0].count(".") == 2


def test_tokens_prints_a_fresh_user_a_line(system: Config, stack: dict[str, Any]) -> None:
    done = _local(system, "tokens", "--count", "20", "--role", "staff")

    people = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({person["userId"] for person in people}) == 20
    assert all(set(person) == {"userId", "token", "phone", "email"} for person in people)
    assert all(person["phone"].startswith("+") for person in people)


def test_inbox_prints_messages_oldest_first(
    system: Config, alice: Patient, next_slot: NextSlot
) -> None:
    attempt = alice.hold(next_slot()).json["attemptId"]
    alice.resend(attempt)
    alice.code(2)

    lines = _local(system, "inbox", "--to", alice.phone).stdout.splitlines()

    found = [json.loads(line) for line in lines]
    assert [set(message) for message in found] == [{"channel", "to", "text", "at"}] * 2
    times = [datetime.fromisoformat(message["at"]) for message in found]
    assert times == sorted(times)


def test_the_demo_finds_everything_as_promised(system: Config, stack: dict[str, Any]) -> None:
    done = _local(system, "demo")

    assert done.returncode == 0, done.stderr
    assert "Everything was as the contract says." in done.stdout


def test_the_system_written_down_is_the_one_that_runs(
    system: Config, stack: dict[str, Any]
) -> None:
    written = json.loads((system.state / "stack.json").read_text())

    assert written == stack
    assert {"api_url", "aws_endpoint", "region", "mongo_uri", "redis_url", "environment"} <= set(
        written
    )


def test_a_port_in_use_is_named(system: Config) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        config = replace(system, state=system.state / "elsewhere", redis_port=port)

        with pytest.raises(LocalError, match=rf"{port}.*valkey.*REDIS_PORT"):
            servers.named(config, "valkey").start()


def test_a_failed_start_leaves_nothing_running(system: Config) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        free = _free_port()
        config = replace(
            system,
            state=system.state / "elsewhere",
            mongo_port=free,
            redis_port=other.getsockname()[1],
        )

        with pytest.raises(LocalError):
            up(config)

        assert not servers.named(config, "mongod").is_running()


@pytest.mark.parametrize("killed", ["mongod", "valkey", "emulator"])
def test_a_killed_server_comes_back_with_every_booking(
    system: Config, stack: dict[str, Any], alice: Patient, next_slot: NextSlot, killed: str
) -> None:
    slot = next_slot()
    booked = alice.verify(alice.hold(slot).json["attemptId"], alice.code()).json
    server = servers.named(system, killed)
    pid = json.loads(server.pid_file.read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    while server.is_running():
        time.sleep(0.01)

    again = up(system)

    assert again["api_url"] == stack["api_url"]
    assert alice.booking(booked["id"]).json == booked
    assert alice.hold(slot).json["code"] == "slot_unavailable"
    attempt = alice.hold(next_slot()).json["attemptId"]
    assert alice.release(attempt).status == 204


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
