"""`make bench`: measure the product beside the floor, judge it, write docs/performance.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping

from bench import (
    cold,
    contention,
    cost,
    growth,
    memory,
    report,
    rie,
    round_trips,
    targets,
    warm,
)
from bench.ground import Ground, ground
from bench.series import Found, Show, Size
from local.progress import LocalError, say

PARTS: Mapping[str, Callable[[Ground, Show, Size], Found]] = {
    "trips": round_trips.measure,
    "warm": warm.measure,
    "cold": cold.measure,
    "rie": rie.measure,
    "contention": contention.measure,
    "growth": growth.measure,
}
"""By name, in the order they are run."""


def main() -> int:
    arguments = _parsed()
    wanted = arguments.only.split(",") if arguments.only else list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    size: Size = "short" if arguments.short else "full"
    # A page that told a part of a run, or a short one, would tell no whole.
    is_whole = size == "full" and set(wanted) == set(PARTS)
    writes = is_whole if arguments.write is None else arguments.write
    try:
        with ground() as made:
            found: Found = {}
            for name in PARTS:
                if name in wanted:
                    made.clinic()
                    found |= PARTS[name](made, say, size)
            if {"warm", "trips"} <= set(wanted):
                found |= cost.measure(found, slower=targets.slower(found))
            if {"warm", "cold"} <= set(wanted):
                found |= memory.sweep(found, slower=targets.slower(found))
            rows = targets.judge(found)
            profiles = _profiles(made, rows) if writes else {}
    except LocalError as error:
        sys.exit(str(error))
    if writes:
        report.keep(found)
        report.tell(rows, found, profiles)
        say(f"wrote {report.PAGE.name} and {report.KEPT.name}")
    print(report.printed(rows))
    return 0


def _profiles(made: Ground, rows: list[targets.Row]) -> report.Profiles:
    """Of the rows that are not met."""
    say("profiles of what is not met")
    wanted = {row.profile for row in rows if row.profile}
    found = {f"warm.{kind}": told for kind, told in warm.profiles(made).items()}
    for name in sorted(wanted):
        kind, _, function = name.partition(".")
        if kind == "cold":
            taken = cold.import_times(made, function)[:15]
            found[name] = [{"package": package, "ms": ms} for package, ms in taken]
    return {name: told for name, told in found.items() if name in wanted}


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default="", help=f"of {', '.join(PARTS)}, with commas between")
    parser.add_argument("--short", action="store_true", help="ratios and counts, with few samples")
    parser.add_argument(
        "--write",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="write docs/performance.md; by default after a whole run",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
