"""What this invocation met that cannot be read, and left out: told at the edge, once it is over.

Noted where documents are translated, logged and counted where the invocation ends (house rule:
nothing between the two logs). Names of fields and what is wrong with them, never what they hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from slotkeeper.value import Value


class Aside(Value):
    """A document that cannot be read: where it is, and why, as `field: what is wrong`."""

    collection: str
    id: str
    why: str


_met: ContextVar[dict[Aside, None] | None] = ContextVar("met", default=None)


@contextmanager
def collected() -> Iterator[dict[Aside, None]]:
    """What is noted in the block, each once, in order; threads of the block note to it too."""
    met: dict[Aside, None] = {}
    token = _met.set(met)
    try:
        yield met
    finally:
        _met.reset(token)


def note(aside: Aside) -> None:
    met = _met.get()
    if met is not None:
        met[aside] = None
