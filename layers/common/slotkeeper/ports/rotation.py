"""A secret whose versions take over from one another."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Protocol

CURRENT = "AWSCURRENT"
PENDING = "AWSPENDING"


class NotPending(Exception):
    """The version is not one that is about to take over: somebody else's, or of long ago."""


class NotSound(Exception):
    """The pending version may not take over: live codes would be lost, or it holds no new key."""


class RotatedSecret(Protocol):
    """Raises Unavailable where it cannot be asked."""

    def is_named(self, secret_id: str) -> bool:
        """Whether this is the secret that `secret_id` (a name or an ARN) means."""
        ...

    def stages(self) -> dict[str, AbstractSet[str]]:
        """The stages of each version."""
        ...

    def text(self, version: str) -> str | None:
        """What the version holds, if anything yet."""
        ...

    def put_pending(self, version: str, text: str) -> None:
        """Let the pending version hold this; it holds it once and for all."""
        ...

    def make_current(self, version: str, *, instead_of: str) -> None: ...
