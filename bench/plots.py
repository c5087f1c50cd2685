"""The figures as pictures: what is ours beside the floor it stands on.

In an environment of its own, which draws: `python plots.py docs/performance.json docs/images`.
Prints the names of what it drew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
# The same picture of the same figures, byte for byte.
mpl.rcParams["svg.hashsalt"] = "slotkeeper"
mpl.rcParams["svg.fonttype"] = "none"

from matplotlib import pyplot as plt  # noqa: E402  # as it was set up

OURS, FLOOR = "#0b7285", "#adb5bd"
Figures = Mapping[str, float]
_PAIRS = {
    "hold": "hold",
    "hold_refused": "taken",
    "verify": "verify",
    "cancel": "cancel",
    "list_hit": "get",
    "list_miss": "list_miss",
}
"""A kind of request, and the bare calls beside it."""


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text())["figures"]
    figures = {name: one["median"] if isinstance(one, dict) else one for name, one in told.items()}
    out = Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name, bars, title, unit in (
        ("cold", _cold(figures), "Cold start: processor time of init", "ms"),
        ("warm", _warm(figures), "Warm requests beside the bare calls, median", "ms"),
        ("growth", _growth(figures), "1M slots and bookings beside 10k", "×"),
    ):
        if bars:
            _draw(bars, out / f"performance-{name}.svg", title=title, unit=unit)
            print(f"performance-{name}")


def _cold(figures: Figures) -> dict[str, float]:
    floors = {
        f"floor: {name.split('.')[2]}": value
        for name, value in figures.items()
        if name.startswith("cold.floor.") and name.endswith(".cpu_ms")
    }
    ours = {
        name.split(".")[1]: value
        for name, value in figures.items()
        if name.startswith("cold.") and name.endswith(".init_cpu_ms")
    }
    by_value = sorted(ours.items(), key=lambda item: item[1])
    return {**dict(sorted(floors.items(), key=lambda item: item[1])), **dict(by_value)}


def _warm(figures: Figures) -> dict[str, float]:
    bars: dict[str, float] = {}
    for ours, bare in _PAIRS.items():
        for label, name in ((f"floor: {bare}", f"floor.{bare}.ms"), (ours, f"warm.{ours}.ms")):
            if name in figures:
                bars[f"{label} " if label in bars else label] = figures[name]
    return bars


def _growth(figures: Figures) -> dict[str, float]:
    return {
        name.removeprefix("growth.").removesuffix(".ratio"): value
        for name, value in sorted(figures.items())
        if name.startswith("growth.") and name.endswith(".ratio")
    }


def _draw(bars: Mapping[str, float], out: Path, *, title: str, unit: str) -> None:
    figure, axes = plt.subplots(figsize=(8, 0.28 * len(bars) + 1))
    colours = [FLOOR if label.startswith("floor") else OURS for label in bars]
    drawn = axes.barh(list(bars), list(bars.values()), color=colours)
    axes.bar_label(drawn, fmt="%.3g", padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(out, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
