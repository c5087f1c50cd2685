"""What a run did and found, as text, Markdown and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise, zip_longest
from statistics import median
from typing import Any

from chaos.findings import Finding
from chaos.history import Fate, History, Try
from chaos.nemesis import HOLD, Struck

ERRORS_AFTER_SECONDS = 15.0
"""Errors this long after recovery are still the fault's own, unless the next one has begun."""
COLUMNS = (
    "fault",
    "times",
    "held again: median s",
    "worst s",
    "longest gap s",
    "requests",
    "503",
    "other 5xx",
    "no answer",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run; `rows` by kind of fault, in the order of `COLUMNS`."""

    topology: str
    seed: int
    seconds: float
    rows: Sequence[tuple[str | int | float, ...]]
    totals: Mapping[str, int | float]
    findings: Sequence[Finding]

    @property
    def is_clean(self) -> bool:
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"columns": COLUMNS, "is_clean": self.is_clean}

    def to_text(self) -> str:
        shown = [COLUMNS, *([_cell(value) for value in row] for row in self.rows)]
        widths = [max(len(row[n]) for row in shown) for n in range(len(COLUMNS))]
        lines = [
            "  ".join(
                cell.ljust(width) if n == 0 else cell.rjust(width)
                for n, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in shown
        ]
        return "\n".join([self._title(), "", *lines, "", self._summary(), *self._found()])

    def to_markdown(self) -> str:
        shown = [COLUMNS, ["---", *["---:"] * (len(COLUMNS) - 1)]]
        rows = [*shown, *([_cell(value) for value in row] for row in self.rows)]
        table = [f"| {' | '.join(row)} |" for row in rows]
        found = [f"- {line}" for line in self._found()]
        return "\n".join([f"### {self._title()}", "", *table, "", self._summary(), *found, ""])

    def _title(self) -> str:
        return f"Topology {self.topology}: {self.seconds / 60:.1f} minutes, seed {self.seed}"

    def _summary(self) -> str:
        told = "; ".join(f"{_cell(value)} {name}" for name, value in self.totals.items())
        return f"{told}. {'Nothing lost, everything as told.' if self.is_clean else 'NOT CLEAN.'}"

    def _found(self) -> list[str]:
        return [str(finding) for finding in self.findings]


def report(
    *,
    topology: str,
    seed: int,
    seconds: float,
    history: History,
    struck: Sequence[Struck],
    findings: Sequence[Finding],
    more: Mapping[str, int | float],
) -> Report:
    by_fault: dict[str, list[tuple[Struck, float]]] = {}
    for done, following in zip_longest(struck, struck[1:]):
        ends = (done.recovered_at or done.ended) + ERRORS_AFTER_SECONDS
        if following is not None:
            ends = min(ends, following.began)
        by_fault.setdefault(done.fault, []).append((done, ends))
    holds = history.done_at(HOLD)
    confirmed = {str(told.answer["id"]) for told in history.of("verify") if told.fate is Fate.DONE}
    lost = sum(finding.rule == "confirmation_lost" for finding in findings)
    totals: dict[str, int | float] = {
        "faults": len(struck),
        "requests": len(history.requests),
        "tries": len(history.tries),
        "answered 503": _count(history.tries, Fate.UNAVAILABLE),
        "never answered (client gave up)": sum(
            told.fate is Fate.UNKNOWN for told in history.requests
        ),
        "confirmations acknowledged": len(confirmed),
        "of them lost": lost,
        **more,
    }
    return Report(
        topology=topology,
        seed=seed,
        seconds=seconds,
        rows=[_row(name, times, history, holds) for name, times in by_fault.items()],
        totals=totals,
        findings=findings,
    )


def _row(
    name: str, times: Sequence[tuple[Struck, float]], history: History, holds: Sequence[float]
) -> tuple[str | int | float, ...]:
    spans = [(done.began, ends) for done, ends in times]
    during = [t for t in history.tries if any(a <= t.ended <= b for a, b in spans)]
    kinds = Counter(_kind(t) for t in during)
    back = [done.recovered_at - done.counted_from for done, _ in times if done.recovered_at]
    gaps = [_longest_gap(holds, a, b) for a, b in spans]
    return (
        name,
        len(times),
        round(median(back), 1) if back else "-",
        round(max(back), 1) if len(back) == len(times) else "not back",
        round(max(gaps), 1),
        len(during),
        kinds["503"],
        kinds["5xx"],
        kinds["none"],
    )


def _kind(t: Try) -> str:
    if t.status is None:
        return "none"
    if t.fate is Fate.UNAVAILABLE:
        return "503"
    return "5xx" if t.status >= 500 else "answered"


def _longest_gap(holds: Sequence[float], begin: float, end: float) -> float:
    """The longest time without a hold that was granted, among gaps that reach into the span."""
    around = [at for at in holds if begin - 30 <= at <= end + 30]
    reaching = [b - a for a, b in pairwise(around) if b >= begin and a <= end]
    return max(reaching, default=end - begin)


def _count(tries: Sequence[Try], fate: Fate) -> int:
    return sum(t.fate is fate for t in tries)


def _cell(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
