"""Round trips of each kind of request, counted where the drivers send."""

from __future__ import annotations

from bench.clinic import Clinic
from bench.ground import Ground
from bench.series import Found, Show, Size
from bench.warm import processes


def measure(ground: Ground, show: Show, size: Size) -> Found:
    """`in_sequence`: the most of which each began after the one before had ended."""
    show("trips: round trips of each kind of request, counted at the drivers")
    found: Found = {}
    with processes(ground, counts=True) as functions:
        for name, run in Clinic(ground, functions).kinds.items():
            run(1)
            results = run(3 if size == "short" else 6)
            for figure in ("mongo", "redis"):
                found[f"trips.{name}.{figure}"] = max(int(one[figure]) for one in results)
            # The fewest: where a machine is busy, what goes at once may seem to go in turn.
            found[f"trips.{name}.in_sequence"] = min(int(one["in_sequence"]) for one in results)
            if name == "list_hit":
                found["list_hit.parses"] = max(int(one["parses"]) for one in results)
    return found
