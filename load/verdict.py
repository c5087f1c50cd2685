"""Whether a run may be called good, and its summary."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from load.growth import FEWEST
from load.results import Results

_503 = HTTPStatus.SERVICE_UNAVAILABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known of a run when it is over."""

    results: Results
    confirmed: int
    lost: Sequence[str]
    """Bookings that were said to be confirmed and are not there."""
    checker: int | None
    """The exit code of `python -m ops check`; None: the stores are not ours to read."""
    growing: Mapping[str, tuple[float, float]]
    samples: int
    is_soak: bool


def complaints(found: Evidence, *, tolerate_503: float) -> list[str]:
    """What is not as it must be; empty for a good run."""
    told = []
    results = found.results
    statuses = results.statuses()
    if not results.count("done"):
        told.append("not one request was answered as asked")
    other = sum(count for status, count in statuses.items() if status >= 500 and status != _503)
    if other:
        told.append(f"{other} answers with 5xx other than 503")
    share = statuses[_503] / results.requests if results.requests else 0.0
    if share > tolerate_503:
        told.append(f"{statuses[_503]} answers with 503: {share:.2%}, more than {tolerate_503:.2%}")
    failed = results.count("failed") - sum(n for s, n in statuses.items() if s >= 500)
    if failed:
        told.append(
            f"{failed} requests failed otherwise (refused as they must not be, or no answer)"
        )
    if found.lost:
        some = ", ".join(found.lost[:5])
        told.append(f"{len(found.lost)} of {found.confirmed} confirmations lost: {some}")
    if found.checker:
        what = "found violations" if found.checker == 1 else "could not check"
        told.append(f"the checker {what} (exit code {found.checker})")
    for name, (first, last) in found.growing.items():
        told.append(f"{name} grew all the time: {first:.0f} to {last:.0f}")
    return told


def as_json(found: Evidence, told: Sequence[str]) -> str:
    results = found.results
    summary: dict[str, Any] = {
        "isGood": not told,
        "complaints": list(told),
        "seconds": results.seconds,
        "requests": results.requests,
        "refused": results.count("refused"),
        "failed": results.count("failed"),
        "times": {name: asdict(times) for name, times in results.times.items()},
        "answers": [asdict(one) for one in results.answers],
        "confirmed": found.confirmed,
        "lost": list(found.lost),
        "checker": found.checker,
        "growing": found.growing,
        "samples": found.samples,
    }
    return json.dumps(summary, indent=2) + "\n"


def as_text(found: Evidence, told: Sequence[str]) -> str:
    results = found.results
    rate = results.requests / results.seconds if results.seconds else 0.0
    lines = [
        (
            f"{results.requests:,} requests in {results.seconds:.0f} s, {rate:.1f} a second; "
            f"{results.count('refused'):,} refused as they must be, "
            f"{results.count('failed'):,} failed"
        ),
        "",
        f"{'':20}{'count':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'longest':>9}",
    ]
    for name, times in results.times.items():
        figures = (times.p50, times.p95, times.p99, times.longest)
        cells = "".join(f"{value:9.0f}" for value in figures)
        lines.append(f"{name:20}{times.count:9,}{cells}")
    not_done = [one for one in results.answers if one.meaning != "done"]
    if not_done:
        lines += ["", "not answered as asked:"]
        for one in sorted(not_done, key=lambda one: (one.meaning, -one.count)):
            what = f"{one.status or 'no answer'} {one.code}".strip()
            lines.append(f"  {one.meaning:8} {one.operation:16} {what:32}{one.count:9,}")
    lines += ["", f"{found.confirmed:,} bookings confirmed, {len(found.lost)} of them lost"]
    if found.checker is None:
        lines.append("the database was not checked: it was not named (URI=mongodb://...)")
    if found.is_soak and found.samples < FEWEST:
        lines.append(f"too short to tell growth: {found.samples} samples, {FEWEST} are needed")
    lines += ["", *(f"NOT GOOD: {one}" for one in told)] if told else ["", "All is good."]
    return "\n".join(lines)
