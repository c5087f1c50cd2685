"""What an answer means for a run. Standard library only: locust's environment reads it."""

from __future__ import annotations

from enum import StrEnum

REFUSALS = frozenset(
    {
        (409, "slot_held"),
        (409, "slot_unavailable"),
        (409, "slot_in_past"),
        (409, "too_many_holds"),
        (410, "hold_expired"),
    }
)
"""What the service says to a patient who came too late, asked too much, or was slow."""


class Meaning(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    """As it must be where many want the same: no failure."""
    FAILED = "failed"


def meaning(status: int, code: str | None) -> Meaning:
    """Of an answer with that status and problem code; status 0 is none at all.

    A 429 may be the gateway's, which gives no code.
    """
    if 200 <= status < 400:
        return Meaning.DONE
    if status == 429 or (status, code) in REFUSALS:
        return Meaning.REFUSED
    return Meaning.FAILED
