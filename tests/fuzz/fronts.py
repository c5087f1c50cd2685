"""Fronts in processes of their own, and what their notes tell together."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.config import ROOT
from tests.fuzz.front import PLANTED_BUG

Note = Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    url: str
    notes_file: Path
    log_file: Path

    @property
    def notes(self) -> list[Note]:
        return [json.loads(line) for line in self.notes_file.read_text().splitlines()]

    @property
    def log(self) -> str:
        """What its functions wrote."""
        return self.log_file.read_text(errors="replace")


@contextmanager
def front(environment: Mapping[str, str], folder: Path, *, planted: str = "") -> Iterator[Front]:
    folder.mkdir(parents=True, exist_ok=True)
    notes, log = folder / "notes.jsonl", folder / "functions.log"
    notes.touch()
    with (
        log.open("wb") as err,
        subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.front", str(notes)],
            cwd=ROOT,
            env={**environment, PLANTED_BUG: planted, "POWERTOOLS_LOG_LEVEL": "INFO"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        port = process.stdout.readline().removeprefix("port ").strip()
        # The rest of what it prints are its functions' logs: they must not fill the pipe.
        with subprocess.Popen(["/bin/cat"], stdin=process.stdout, stdout=err):
            process.stdout.close()
            try:
                yield Front(url=f"http://127.0.0.1:{port}", notes_file=notes, log_file=log)
            finally:
                process.stdin.close()
                process.wait(timeout=30)


@dataclass
class Tally:
    """Requests by route and status, and everything that was wrong with an answer."""

    by_route: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    slowest: list[tuple[float, str]] = field(default_factory=list)
    faults: list[Note] = field(default_factory=list)
    made: list[Note] = field(default_factory=list)

    def add(self, notes: Iterable[Note]) -> None:
        for note in notes:
            self.by_route[note["route"]][note["status"]] += 1
            self.slowest = sorted([*self.slowest, (note["ms"], note["route"])], reverse=True)[:5]
            if "faults" in note:
                self.faults.append(note)
            if "made" in note:
                self.made.append(note)

    @property
    def requests(self) -> int:
        return sum(count for counts in self.by_route.values() for count in counts.values())

    def table(self) -> str:
        statuses = sorted({status for counts in self.by_route.values() for status in counts})
        head = ["route".ljust(36), *(f"{status:>6}" for status in statuses), "   all"]
        lines = ["".join(head)]
        for route, counts in sorted(self.by_route.items()):
            cells = [f"{counts[status] or '':>6}" for status in statuses]
            lines.append("".join([route.ljust(36), *cells, f"{sum(counts.values()):>6}"]))
        totals = [sum(counts[status] for counts in self.by_route.values()) for status in statuses]
        cells = [f"{total:>6}" for total in (*totals, self.requests)]
        lines.append("".join(["all".ljust(36), *cells]))
        slow = ", ".join(f"{ms:.0f} ms {route}" for ms, route in self.slowest)
        return "\n".join([*lines, f"slowest: {slow}"])


def made_by(notes: Iterable[Note]) -> Counter[str]:
    """Documents that there must be more of, by what clients were told was made."""
    made: dict[str, set[str]] = defaultdict(set)
    slots = 0
    for note in notes:
        told = note["made"]
        body, route = told["body"], note["route"]
        if route == "POST /doctors":
            made["doctors"].add(body["id"])
        if route == "POST /bookings/{id}/verify-otp":
            made["bookings"].add(body["id"])
        if route == "POST /doctors/{id}/schedules" and not told["isReplay"]:
            made["schedules"].add(str(id(note)))
            slots += body["created"]
        is_removal = route == "PATCH /doctors/{id}/slots" and told["asked"]["status"] == "removed"
        if is_removal and not told["isReplay"]:
            slots -= body["changed"]
    return Counter({"slots": slots, **{name: len(ids) for name, ids in made.items()}})
