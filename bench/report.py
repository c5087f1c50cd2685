"""What a run found: printed, kept as JSON, and told with its plots in docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import memory
from bench.series import Found, Series
from bench.targets import Row, slower, text
from local.config import ROOT, TOOLS

PAGE = ROOT / "docs" / "performance.md"
KEPT = ROOT / "docs" / "performance.json"
IMAGES = ROOT / "docs" / "images"
DRAWING = TOOLS / "venvs" / "bench" / "bin" / "python"
MARKS = ("<!-- bench:begin -->", "<!-- bench:end -->")
_MET: Mapping[bool | None, str] = {True: "yes", False: "NO", None: "not measured"}

Profiles = Mapping[str, Sequence[Mapping[str, Any]]]
"""By `cold.<function>` or `warm.<kind>`: rows of what took how much."""


def printed(rows: Sequence[Row]) -> str:
    """For a terminal, in columns."""
    heads = ("metric", "floor", "figure", "target", "met")
    cells = [heads] + [(r.metric, r.floor, r.figure, r.limit, _MET[r.is_met]) for r in rows]
    widths = [max(len(row[n]) for row in cells) for n in range(len(heads))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([*lines, "", summed(rows)])


def summed(rows: Sequence[Row]) -> str:
    counted = Counter(_MET[row.is_met] for row in rows)
    return (
        f"{counted['yes']} targets met, {counted['NO']} not, {counted['not measured']} not measured"
    )


def keep(found: Found) -> None:
    """Write every figure of this run."""
    told = {
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "on": _machine(),
        "figures": {name: _as_json(figure) for name, figure in sorted(found.items())},
    }
    KEPT.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def tell(rows: Sequence[Row], found: Found, profiles: Profiles) -> None:
    """Draw the figures that were kept, and write the marked part of the page anew."""
    images = [f"![{name}](images/{name}.svg)" for name in _draw()]
    parts = [
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {_machine()}. {summed(rows)}.",
        *([_speed(found)] if "floor.hold.cpu_us" in found else []),
        _table(rows),
        *images,
        *(["### Memory\n\n" + sweep] if (sweep := memory.table(found)) else []),
        *([_explained(rows, profiles)] if profiles else []),
        "### Every figure\n\n<details><summary>All medians</summary>\n\n"
        + _figures(found)
        + "\n\n</details>",
    ]
    write_between(PAGE, "\n\n".join(parts))


def write_between(page: Path, told: str) -> None:
    """Put `told` between the page's marks. Raises ValueError: it has none."""
    begin, end = MARKS
    marked = re.compile(re.escape(begin) + ".*" + re.escape(end), re.DOTALL)
    page_text = page.read_text()
    if not marked.search(page_text):
        raise ValueError(f"{page.name} has no place for what was measured")
    page.write_text(marked.sub(lambda _: f"{begin}\n{told}\n{end}", page_text))


def _speed(found: Found) -> str:
    return (
        f"A bare hold took {text(_median(found['floor.hold.cpu_us']))} µs of the processor here, "
        f"and 208 on the reference machine: limits that are absolute there were multiplied by "
        f"{text(slower(found))}."
    )


def _table(rows: Sequence[Row]) -> str:
    lines = [
        "| metric | floor | figure | target | met | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        met = "**no**" if row.is_met is False else _MET[row.is_met]
        note = f"{row.note} (why: `{row.profile}` below)" if row.profile else row.note
        lines.append(
            f"| {row.metric} | {row.floor} | {row.figure} | {row.limit} | {met} | {note} |"
        )
    return "\n".join(lines)


def _explained(rows: Sequence[Row], profiles: Profiles) -> str:
    wanted = dict.fromkeys(row.profile for row in rows if row.profile in profiles)
    parts = ["### Where the time goes of what is not met"]
    for name in wanted:
        heads = list(profiles[name][0])
        parts += [
            f"`{name}`",
            "\n".join(
                [
                    f"| {' | '.join(heads)} |",
                    f"|{' --- |' * len(heads)}",
                    *(
                        f"| {' | '.join(_cell(row[head]) for head in heads)} |"
                        for row in profiles[name]
                    ),
                ]
            ),
        ]
    return "\n\n".join(parts)


def _cell(value: object) -> str:
    return text(value) if isinstance(value, float) else f"`{value}`"


def _figures(found: Found) -> str:
    lines = [
        "| figure | median | p10 | p90 | p99 | unit | samples |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, one in sorted(found.items()):
        if isinstance(one, Series):
            told = (one.median, one.p10, one.p90, one.p99)
            cells = " | ".join(f"{value:,.3g}" for value in told)
            lines.append(f"| `{name}` | {cells} | {one.unit} | {len(one.samples)} |")
        else:
            lines.append(f"| `{name}` | {one:,.4g} | | | | | |")
    return "\n".join(lines)


def _as_json(figure: Series | float) -> object:
    if not isinstance(figure, Series):
        return round(figure, 4)
    return {
        "unit": figure.unit,
        "samples": len(figure.samples),
        **{name: round(getattr(figure, name), 4) for name in ("median", "p10", "p90", "p99")},
    }


def _median(figure: Series | float) -> float:
    return figure.median if isinstance(figure, Series) else float(figure)


def _draw() -> list[str]:
    done = subprocess.run(
        [str(DRAWING), str(ROOT / "bench" / "plots.py"), str(KEPT), str(IMAGES)],
        env={**os.environ, "MPLCONFIGDIR": str(TOOLS / "matplotlib"), "PYTHONPATH": ""},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.split()


def _machine() -> str:
    processors = os.cpu_count()
    return f"{platform.machine()}, {processors} processors, Python {platform.python_version()}"
