"""Which tests stay together when several processes share the work (`pytest -n 2`).

A process has servers of its own. Those of one file keep together; so do the end-to-end tests and
those in a browser, for the sake of one deployed stack, in two lanes: those that mostly wait (for a
queue to lose patience, for the minute's schedule, for servers to come back) need not keep those
that work waiting as well.
What takes longest begins first.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

LONGEST_FIRST = (
    *("e2e", "browser", "chaos", "crash", "concurrency", "model", "topology", "fuzz"),
    "integration",
)
E2E = "tests/e2e"
BROWSER = "tests/browser"
THAT_WAIT = frozenset(
    f"{E2E}/{name}.py" for name in ("test_delivery", "test_local_system", "test_payment")
)


class Lanes(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out one lane after the other, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path in THAT_WAIT:
            return f"{E2E}/that-wait"
        return E2E if path.startswith((f"{E2E}/", f"{BROWSER}/")) else path


def longest_first(items: list[pytest.Item]) -> None:
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(item.config.rootpath / "tests").parts[0]
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)
