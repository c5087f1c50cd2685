"""What a lost race is told by."""

from __future__ import annotations


class Lost(AssertionError):
    """What must never be, is."""

    def __init__(self, harm: str, seen: object = ""):
        super().__init__(f"{harm}: {seen}")
        self.harm = harm


def ensure(is_so: bool, harm: str, seen: object = "") -> None:
    """Nothing, if it is so. Raises Lost."""
    if not is_so:
        raise Lost(harm, seen)
