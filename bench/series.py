"""Samples of a figure, what is said of them, and how kinds are measured side by side."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

Size = Literal["full", "short"]
"""`short` is for CI: as few samples as tell ratios and counts."""
Show = Callable[[str], None]
"""Tells the person in front of it how far it is."""
T = TypeVar("T")

SEED = 7
"""Of the order in which kinds are measured: the same in every run."""
_TOLD_EVERY_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Series:
    """Samples of one figure, in `unit`; at least one."""

    name: str
    unit: str
    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def p10(self) -> float:
        return self._rank(0.10)

    @property
    def p90(self) -> float:
        return self._rank(0.90)

    @property
    def p99(self) -> float:
        """The nearest rank: of fewer than a hundred samples, the largest."""
        return self._rank(0.99)

    def _rank(self, share: float) -> float:
        ordered = sorted(self.samples)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


Found = dict[str, Series | int | float]
"""Figures by their dotted names."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times the floor the product takes, by medians."""

    product: Series
    floor: Series

    @property
    def value(self) -> float:
        return self.product.median / self.floor.median

    @property
    def p99(self) -> float:
        """The same of the slowest hundredth."""
        return self.product.p99 / self.floor.p99


def interleaved(
    kinds: Mapping[str, Callable[[], T]], rounds: int, show: Show
) -> dict[str, tuple[T, ...]]:
    """Run each kind once a round, in another order each time, so that noise falls on all alike."""
    order = random.Random(SEED)  # noqa: S311  # nosemgrep: predictable-random  # an order
    taken: dict[str, list[T]] = {name: [] for name in kinds}
    names = list(kinds)
    told = time.monotonic()
    for number in range(rounds):
        order.shuffle(names)
        for name in names:
            taken[name].append(kinds[name]())
        if time.monotonic() - told > _TOLD_EVERY_SECONDS:
            told = time.monotonic()
            show(f"  round {number + 1} of {rounds}")
    return {name: tuple(values) for name, values in taken.items()}


def figures(
    taken: Mapping[str, Iterable[Mapping[str, float]]], units: Mapping[str, str]
) -> dict[str, Series]:
    """Series of what each kind answered; the figure `ms` of the kind `cold.F` is `cold.F.ms`.

    Of what a kind answered, only what `units` names is kept.
    """
    return {
        f"{name}.{figure}": Series(
            f"{name}.{figure}", unit, tuple(float(one[figure]) for one in values)
        )
        for name, values in ((name, list(values)) for name, values in taken.items())
        for figure, unit in units.items()
        if values and figure in values[0]
    }


def typical(figure: Series | float) -> float:
    """The median of samples, or the figure itself."""
    return figure.median if isinstance(figure, Series) else float(figure)
