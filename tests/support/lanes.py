"""Which tests stay together when several processes share the work (`pytest -n 2`).

A process has servers of its own. Those of one file keep together; all end-to-end tests do, for the
sake of one deployed stack. What takes longest begins first.
"""

from __future__ import annotations

import pytest

LONGEST_FIRST = ("e2e", "crash", "chaos", "concurrency", "model", "topology", "integration")


def share_out(items: list[pytest.Item]) -> None:
    """Mark each test with its lane, and put the lanes in order."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_lane(item)))
    items.sort(key=_rank)


def _lane(item: pytest.Item) -> str:
    return "e2e" if _folder(item) == "e2e" else item.path.as_posix()


def _rank(item: pytest.Item) -> int:
    folder = _folder(item)
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(item.config.rootpath / "tests").parts[0]
