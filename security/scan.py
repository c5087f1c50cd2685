"""Every scanner that needs no network, side by side; what they find is explained, or they fail."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local.config import ROOT, TOOLS
from security import licences
from security.code import bandit, semgrep, silenced
from security.findings import Explanation, Finding, ScanFailed, Verdict, explanations, judge
from security.hidden import detect_secrets
from security.installed import owned_twice
from security.locks import LOCKS, loose, pins
from security.minimums import in_locks
from security.template import checkov

EXPLAINED = Path(__file__).parent / "explained"


@dataclass(frozen=True, slots=True)
class Scanner:
    """Finds things below a folder; some of them are explained in a file of its name."""

    name: str
    scan: Callable[[Path], list[Finding]]
    is_explained: bool = False

    def explanations(self) -> list[Explanation]:
        return explanations(EXPLAINED / f"{self.name}.toml") if self.is_explained else []


ENVIRONMENTS = ("dev", "sam", "emulator", "scan", "load", "bench", "browser")


def our_environments(_: Path) -> list[Finding]:
    """Packages that are installed over each other."""
    return [
        finding
        for name in ENVIRONMENTS
        for folder in (TOOLS / "venvs" / name).glob("lib/*/site-packages")
        for finding in owned_twice(folder)
    ]


def our_licences(root: Path) -> list[Finding]:
    """Packages whose licence is not accepted for what they are used for."""
    shipped = frozenset(pin.name for lock in LOCKS.values() for pin in pins(root / lock))
    venvs = TOOLS / "venvs"
    found = licences.of_environment(venvs / "dev", "ships", shipped)
    for name in ENVIRONMENTS:
        found += licences.of_environment(venvs / name, "tools")
    return list(dict.fromkeys(found))


# The slow ones first: two at a time, they take no longer than their sum's half.
SCANNERS = (
    Scanner("secrets", detect_secrets, is_explained=True),
    Scanner("checkov", lambda root: checkov(root / "template.yaml"), is_explained=True),
    Scanner("semgrep", semgrep),
    Scanner("bandit", bandit, is_explained=True),
    Scanner("silenced", silenced),
    Scanner("locks", loose),
    Scanner("minimums", in_locks),
    Scanner("environments", our_environments),
    Scanner("licences", our_licences, is_explained=True),
)


def main() -> int:
    """A line for each scanner, and every complaint; non-zero if there is one."""
    started = time.monotonic()
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        done = list(pool.map(_outcome, SCANNERS))
    clean = all(verdict.is_clean for verdict in done)
    told = ", ".join(
        f"{scanner.name} {verdict.found}" for scanner, verdict in zip(SCANNERS, done, strict=True)
    )
    for scanner, verdict in zip(SCANNERS, done, strict=True):
        for complaint in verdict.complaints:
            print(f"{scanner.name}: {complaint}", file=sys.stderr)
    state = "all explained" if clean else "NOT CLEAN"
    print(f"scanned in {time.monotonic() - started:.0f} s: {told}; {state}")
    return 0 if clean else 1


def _outcome(scanner: Scanner) -> Verdict:
    try:
        return judge(scanner.scan(ROOT), scanner.explanations())
    except ScanFailed as error:
        return Verdict(found=0, complaints=(f"did not run: {error}",))
