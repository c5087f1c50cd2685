"""How many users there are at each moment. Standard library only: locust's environment reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TIMES_PEAK = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Step:
    """So many users, until so many seconds from the start."""

    ends_at: float
    users: int
    name: str


def ramp(peak: int, seconds: float) -> tuple[Step, ...]:
    """Once, twice and three times the peak, for a third of the time each."""
    each = seconds / len(TIMES_PEAK)
    return tuple(
        Step(each * number, peak * times, f"{times}x")
        for number, times in enumerate(TIMES_PEAK, start=1)
    )


def steady(users: int, seconds: float) -> tuple[Step, ...]:
    return (Step(seconds, users, "steady"),)


def at(steps: Sequence[Step], elapsed: float) -> Step | None:
    """The step of that moment; None once all are over."""
    return next((step for step in steps if elapsed < step.ends_at), None)
