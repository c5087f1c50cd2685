"""bandit, and semgrep with the rules in security/semgrep, over Python that is ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from security import tools
from security.findings import Finding, ScanFailed

RULES = Path(__file__).parent / "semgrep"
OURS = ("functions", "layers", "ops", "local", "chaos", "events", "security")
_SILENCED = re.compile(r"#\s*(nosec|nosemgrep)\b(?P<rest>.*)", re.IGNORECASE)
_REASONED = re.compile(r"^:?\s*[\w-]+(,\s*[\w-]+)*\s+#\s*\w+\W+\w+")


def bandit(root: Path) -> list[Finding]:
    """What bandit has against code outside the tests."""
    folders = [root / name for name in OURS if (root / name).exists()]
    excluded = ",".join(str(root / name) for name in ("security/semgrep", ".local"))
    told = tools.run_for_json(
        tools.SCAN / "bandit",
        *("-q", "-r", "-f", "json", "-x", excluded),
        *folders,
        cwd=root,
    )
    if told["errors"]:
        raise ScanFailed(f"bandit could not read {told['errors']}")
    if not told["metrics"]["_totals"]["loc"]:
        raise ScanFailed("bandit read no code")
    return [
        Finding(
            rule=one["test_id"],
            place=str(Path(one["filename"]).relative_to(root)),
            line=one["line_number"],
            what=one["issue_text"],
        )
        for one in told["results"]
    ]


def semgrep(root: Path, rules: Path = RULES) -> list[Finding]:
    """What our own rules have against the code below `root`."""
    told = tools.run_for_json(
        tools.SCAN / "semgrep",
        *("scan", "--metrics=off", "--disable-version-check", "--quiet", "--json"),
        *("--config", rules, root),
        cwd=root,
    )
    if told["errors"]:
        raise ScanFailed(f"semgrep: {told['errors'][:3]}")
    if not told["paths"]["scanned"]:
        raise ScanFailed("semgrep read no code")
    return [
        Finding(
            rule=one["check_id"].rsplit(".", 1)[-1],
            place=str(Path(one["path"]).resolve().relative_to(root.resolve())),
            line=one["start"]["line"],
            what=" ".join(one["extra"]["message"].split()),
        )
        for one in told["results"]
    ]


def silenced(root: Path) -> list[Finding]:
    """Comments that silence a scanner and name no rule, or give no reason after it."""
    return [
        Finding(rule="silenced", place=str(path.relative_to(root)), line=number, what=line.strip())
        for path in _sources(root)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := _SILENCED.search(line)) and not _REASONED.match(found["rest"])
    ]


def _sources(root: Path) -> Iterator[Path]:
    for folder in OURS:
        for path in sorted((root / folder).rglob("*.py")):
            if RULES.name not in path.parts and path != Path(__file__):
                yield path
