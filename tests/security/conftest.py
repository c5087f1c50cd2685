"""The scanners' environment, made when it is first needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from local.config import ROOT


@pytest.fixture(scope="session", autouse=True)
def _scanners() -> None:
    subprocess.run(
        [
            sys.executable,
            str(ROOT / "local" / "bootstrap.py"),
            *("--also", "scan", "--also", "load", "--also", "bench", "--also", "browser"),
            "-c",
            "",
        ],
        check=True,
    )
