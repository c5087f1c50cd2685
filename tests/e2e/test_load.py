"""Load as a user makes it, briefly: the scenarios work, and what is promised is kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from local.config import ROOT, Config


def test_a_short_ramp_is_answered_as_it_must_be_and_loses_nothing(
    system: Config, stack: dict[str, Any]
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "common")]),
        "SLOTKEEPER_STATE": str(system.state),
        "API_PORT": str(system.api_port),
        "MONGO_PORT": str(system.mongo_port),
        "REDIS_PORT": str(system.redis_port),
    }
    before = set((system.state / "load").glob("*-ramp"))

    done = subprocess.run(
        [
            *(sys.executable, str(ROOT / "local" / "bootstrap.py"), "--also", "load"),
            *("-m", "load", "ramp", "--users", "2", "--rate", "2", "--minutes", "0.08"),
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    [out] = set((system.state / "load").glob("*-ramp")) - before
    summary = json.loads((out / "summary.json").read_text())
    # The database is that of all tests: what they planted in it is not this one's to judge.
    others = {f"the checker found violations (exit code {summary['checker']})"}
    assert set(summary["complaints"]) <= others, done.stdout + done.stderr
    assert done.returncode == (1 if summary["complaints"] else 0), done.stderr
    assert summary["confirmed"] > 0
    assert summary["lost"] == []
    assert {"hold", "verify", "slots"} <= set(summary["times"])
    assert "p99 ms" in done.stdout
    assert "users" in done.stderr  # told as it goes on
    assert Path(out / "report.html").stat().st_size > 10_000
