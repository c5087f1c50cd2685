"""`python -m ops`, as an operator runs it: a process of its own."""

from __future__ import annotations

import subprocess
import sys

from local.config import ROOT
from tests.support.house import House
from tests.support.servers import Stores


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ops", *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/layers/common"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def stores_of(house: House, stores: Stores) -> tuple[str, ...]:
    """The arguments that name the house's stores."""
    redis = ("--redis-url", stores.redis_url, "--redis-mode", stores.redis_mode)
    uri = stores.database_uri(house.database.name)
    return ("--mongo-uri", uri, *redis, "--environment", house.keys.environment)
