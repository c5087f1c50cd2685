"""What is being released, and who is told whether it is fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from slotkeeper.value import Value


class Target(Value):
    """A version that is to serve in an alias's name."""

    function: str
    version: str

    def __str__(self) -> str:
        return f"{self.function}:{self.version}"


class Deployments(Protocol):
    def targets(self, deployment: str) -> Sequence[Target]:
        """What the deployment is of. Raises Unavailable."""
        ...

    def is_ready(self, target: Target, needs: Sequence[str]) -> bool:
        """Whether that very version starts and reaches what it needs. Raises Unavailable."""
        ...

    def report(self, deployment: str, hook: str, *, is_fit: bool) -> None:
        """Let the deployment go on, or be taken back. Raises Unavailable."""
        ...
