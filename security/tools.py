"""The scanners' programs, each in the environment that pins it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from local.config import TOOLS
from security.findings import ScanFailed

SCAN = TOOLS / "venvs" / "scan" / "bin"
SAM = TOOLS / "venvs" / "sam" / "bin"
SECONDS = 600


def run(*argv: str | Path, cwd: Path, accepts: tuple[int, ...] = (0, 1)) -> str:
    """What a program prints.

    Raises:
        ScanFailed: it is not installed, or ended with a status that is none of `accepts`.
    """
    home = TOOLS / "scan-home"
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "HOME": str(home),  # settings, logs and caches of the scanners
        "PATH": os.pathsep.join([str(SCAN), os.environ["PATH"]]),
        "PYTHONWARNINGS": "ignore",
    }
    environment.pop("PYTHONPATH", None)
    try:
        done = subprocess.run(
            [str(each) for each in argv],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ScanFailed(f"{Path(argv[0]).name}: {error}") from error
    # (pip-audit ends with 1 where it found something, and where it could ask nobody.)
    said_nothing = done.returncode != 0 and not done.stdout.strip()
    if done.returncode not in accepts or said_nothing:
        tail = "\n".join((done.stderr or done.stdout).splitlines()[-15:])
        raise ScanFailed(f"{Path(argv[0]).name} ended with {done.returncode}:\n{tail}")
    return done.stdout


def run_for_json(*argv: str | Path, cwd: Path, accepts: tuple[int, ...] = (0, 1)) -> Any:
    """The same of a program that prints JSON.

    Raises:
        ScanFailed: it failed, or printed something else.
    """
    printed = run(*argv, cwd=cwd, accepts=accepts)
    try:
        return json.loads(printed)
    except ValueError as error:
        raise ScanFailed(f"{Path(argv[0]).name} printed no JSON: {printed[:200]!r}") from error
