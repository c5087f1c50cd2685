"""What this invocation measured: told at the edge as metrics, once it is over.

Noted where it happens by adapters, which know nothing of metrics. A reading has a name, a number
and at most one label; never anything of anybody's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Readings = dict[tuple[str, str | None], list[float]]
"""Values by name and label, in the order in which they were noted."""

_share = 1.0
_taken: ContextVar[Readings | None] = ContextVar("taken", default=None)


@contextmanager
def collected() -> Iterator[Readings]:
    """What is noted in the block; threads of the block note to it too."""
    taken: Readings = {}
    token = _taken.set(taken)
    try:
        yield taken
    finally:
        _taken.reset(token)


def note(name: str, value: float = 1, label: str | None = None) -> None:
    taken = _taken.get()
    if taken is not None:
        taken.setdefault((name, label), []).append(value)


def share() -> float:
    """Of the invocations: those that tell how long each of their commands took."""
    return _share


def set_share(of_invocations: float) -> None:
    """Set by whoever makes the clients, for the life of the process."""
    global _share  # noqa: PLW0603  # one process, one setting
    _share = of_invocations
