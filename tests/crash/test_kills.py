"""A process that is really killed leaves what the matrix's cut leaves, to the last command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO

import pytest

from tests.crash.cloud import listening
from tests.crash.conftest import SETTINGS
from tests.crash.life import Life
from tests.crash.matrix import CutAt, cuts_of, differences, play
from tests.crash.scenarios import BY_NAME
from tests.crash.stage import TIME_MS, Stage
from tests.crash.tally import TALLY
from tests.support.aws_events import Event

POINTS = {
    "hold": 3,
    "verify": 3,
    "verify, to replace a booking": 2,
    "cancel": 4,
    "relay two of one booking": 4,
    "send a code": 3,
    "verify, paid": 4,
    "settle what was authorised": 4,
}
"""Scenarios, of whose cuts every second, third, ... is tried."""


@dataclass
class Victims:
    """Invocations in processes of their own, on the same stores and the same account."""

    stage: Stage
    endpoint: str
    """Of the account."""
    ports: list[int]
    jobs: IO[str]
    ends: IO[str]

    def die(self, function: str, event: Event, at: CutAt) -> int:
        """The exit code of a process that ran the handler up to the cut."""
        job = {
            "environment": self._environment(),
            "ports": self.ports,
            "provider": self.stage.simulator.server_port,
            "function": function,
            "event": event,
            "cut": [at.cut.number, at.cut.side],
            "timeMs": TIME_MS,
            "isReversed": at.is_reversed,
            "requestId": str(uuid.uuid4()),
        }
        print(json.dumps(job), file=self.jobs, flush=True)
        return int(self.ends.readline())

    def _environment(self) -> Mapping[str, str]:
        """What functions have here at the moment."""
        names = [*SETTINGS, "ENVIRONMENT", "MONGO_URI", "REDIS_URL", "JWT_ISSUER"]
        names += [name for name in os.environ if name.startswith("PAYMENT_")]
        return {
            **{name: os.environ[name] for name in names},
            "AWS_ENDPOINT_URL": self.endpoint,
            "POWERTOOLS_METRICS_DISABLED": "true",
            "POWERTOOLS_LOG_LEVEL": "CRITICAL",
        }


@pytest.fixture(scope="module")
def victims(stage: Stage) -> Iterator[Victims]:
    functions = sorted({BY_NAME[name].function for name in POINTS})
    stage.under({})  # those of a scenario come with its jobs
    with (
        listening(stage.cloud) as port,
        subprocess.Popen(
            [sys.executable, "-m", "tests.crash.victim", *functions],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        endpoint = f"http://127.0.0.1:{port}"
        yield Victims(stage, endpoint, [*stage.ports, port], process.stdin, process.stdout)
        process.stdin.close()


@pytest.mark.parametrize("name", POINTS)
def test_real_kill_leaves_what_a_cut_leaves_and_is_made_good(
    stage: Stage, victims: Victims, name: str
) -> None:
    scenario = BY_NAME[name]
    model, backward = play(stage, scenario), play(stage, scenario, is_reversed=True)
    lives = {False: model.life, True: backward.life}

    def kill(function: str, event: Event, at: CutAt) -> Life:
        assert victims.die(function, event, at) == -signal.SIGKILL
        stage.may_be_open = True
        begun = lives[at.is_reversed].begun[: at.cut.number + 1]
        done = begun if at.cut.side == "after" else begun[:-1]
        return Life(cut=at.cut, is_dead=True, begun=begun, done=done)

    for at in cuts_of(model.life, backward.life)[1 :: POINTS[name]]:
        cut = play(stage, scenario, at, model=model)
        killed = play(stage, scenario, at, model=model, kill=kill)

        assert killed.left == cut.left, str(at)
        assert list(differences(scenario, model, killed)) == [], str(at)
        TALLY.kills += 1
