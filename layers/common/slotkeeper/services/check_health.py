"""Whether the servers behind us answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slotkeeper.domain.errors import Unavailable

if TYPE_CHECKING:
    from slotkeeper.ports.common import Dependency, Together


def check_health(*, dependencies: Sequence[Dependency], together: Together) -> dict[str, bool]:
    """Each dependency's name, and whether it can serve now; all are asked at once."""
    answers = together(*(lambda d=d: _answers(d) for d in dependencies))
    return {d.name: ok for d, ok in zip(dependencies, answers, strict=True)}


def _answers(dependency: Dependency) -> bool:
    try:
        dependency.check()
    except Unavailable:
        return False
    return True
