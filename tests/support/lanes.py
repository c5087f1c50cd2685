"""Which tests stay together when several processes share the work (`pytest -n 2`).

A process has servers of its own. Those of one file keep together; all end-to-end tests do, for the
sake of one deployed stack. What takes longest begins first.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

LONGEST_FIRST = (
    *("e2e", "crash", "chaos", "concurrency", "model", "topology", "fuzz", "integration"),
)


class Lanes(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out one lane after the other, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "tests/e2e" if path.startswith("tests/e2e/") else path


def longest_first(items: list[pytest.Item]) -> None:
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(item.config.rootpath / "tests").parts[0]
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)
