"""A deployed region stands by and takes over, as an operator makes it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local import aws
from local.api import Patient, call
from local.config import ROOT, Config
from tests.support.deployed import NextSlot

Promote = Callable[[], None]


def ops(command: str, stack: dict[str, Any], *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "ops", command, "--stack", stack["stack_file"], *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/layers/common"},
        check=True,
        timeout=120,
    )


@pytest.fixture
def standing_by(stack: dict[str, Any]) -> Iterator[Promote]:
    """The stack stands by; what promotes it, which is done in the end whatever happens."""
    is_active = False

    def promote() -> None:
        nonlocal is_active
        if not is_active:
            # Other tests leave in this database what speaks against it.
            ops("promote", stack, "--despite")
        is_active = True

    ops("demote", stack)
    yield promote
    promote()


def mode(stack: dict[str, Any]) -> object:
    return call("GET", f"{stack['api_url']}/health").json["mode"]


def states(system: Config) -> set[str]:
    """Of all that works by itself."""
    schedules = aws.client(system, "scheduler").list_schedules()["Schedules"]
    consumers = aws.client(system, "lambda").list_event_source_mappings()["EventSourceMappings"]
    return {str(one["State"]).upper() for one in [*schedules, *consumers]}


def test_a_region_that_stands_by_reads_and_writes_nothing_until_it_is_promoted(
    standing_by: Promote, stack: dict[str, Any], alice: Patient, next_slot: NextSlot
) -> None:
    refused = alice.hold(next_slot())

    assert (refused.status, refused.json["code"]) == (503, "unavailable")
    assert refused.headers["Retry-After"] == "30"
    assert alice.free_slots(stack["doctors"][1], limit=1)
    assert mode(stack) == "standby"
    assert states(alice.config) == {"DISABLED"}

    standing_by()

    assert alice.hold(next_slot()).status == 202
    assert mode(stack) == "active"
    assert "ENABLED" in states(alice.config)
