"""Whether something grows all the time, in samples taken at equal distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

FEWEST = 12
"""With fewer samples nothing can be told from noise."""
WARM_UP = 0.25
"""The first samples are of processes that are only getting warm."""
SHARE = 0.2
"""Less growth than this share of where it began, over the whole time, is no leak to wake for."""
LEVELS = 4

FLOORS: Mapping[str, float] = {
    "function_mb_largest": 15.0,
    "function_mb_total": 150.0,
    "mongodb_connections": 10.0,
    "redis_clients": 10.0,
    "queue_depth": 50.0,
}
"""What is sampled, and how much more of it is nothing however little there was before."""


def grows(values: Sequence[float], floor: float) -> bool:
    """Whether the level rose in every quarter after the warm-up, and by much altogether."""
    if len(values) < FEWEST:
        return False
    rest = values[int(len(values) * WARM_UP) :]
    size = len(rest) / LEVELS
    levels = [median(rest[int(n * size) : int((n + 1) * size)]) for n in range(LEVELS)]
    rise = levels[-1] - levels[0]
    is_much = rise > max(floor, SHARE * levels[0])
    # A step that happened once is a new level, not growth: each quarter must have its part of it.
    steps = [after - before for before, after in pairwise(levels)]
    return is_much and all(step > rise * 0.1 for step in steps)


def growing(samples: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """What grows, with its first and last value."""
    found = {}
    for name, floor in FLOORS.items():
        values = [sample[name] for sample in samples if name in sample]
        if grows(values, floor):
            found[name] = (values[0], values[-1])
    return found
