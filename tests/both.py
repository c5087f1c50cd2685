"""`make test`: all tests, and beside them those integration tests on a Cluster that ask it most.

The end-to-end tests and chaos mostly wait for what they started; that leaves room for one more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from local.config import TOOLS

PYTEST = [sys.executable, "-m", "pytest"]
LEFT_OUT = (
    *("access", "audit", "backlog_commands", "backup", "booking_lists", "check", "check_command"),
    *("check_planted", "drill", "drills", "explain", "go_live_command", "identity_provider"),
    *("indexes", "indexes_command", "managing", "metrics", "notices", "payments"),
    *("person_commands", "promote", "provider_commands", "quotas", "runbooks", "seed_command"),
    *("set_aside", "slow_command", "snapshots", "traces"),
)
"""Of what matters little how many Redis and MongoDB have nodes; `make test-cluster` runs all."""


def main(arguments: Sequence[str]) -> int:
    """Run both, the first with these arguments; the exit status of the first that failed."""
    log = TOOLS / "test-cluster.log"
    environment = {
        **os.environ,
        "SLOTKEEPER_TOPOLOGY": "cluster",
        "SLOTKEEPER_TEST": os.environ.get("SLOTKEEPER_TEST", "") + "beside",
    }
    with (
        log.open("w") as out,
        subprocess.Popen(
            # What failed last is for the others to remember.
            [
                *(*PYTEST, "-p", "no:cacheprovider", "tests/integration"),
                *(f"--ignore=tests/integration/test_{name}.py" for name in LEFT_OUT),
            ],
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        ) as on_cluster,
    ):
        first = subprocess.run([*PYTEST, *arguments], check=False).returncode
        second = on_cluster.wait()
    print("\nThe integration tests on a Cluster:")
    print(log.read_text(), end="", flush=True)
    return first or second


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
