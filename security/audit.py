"""pip-audit over each requirement file: what the advisory database knows today.

It needs that database. Where it cannot be reached this fails, and says so: an audit that asked
nobody is no audit. What `make lint` can do without a network is `minimums`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from local.config import ROOT
from security import tools
from security.findings import ScanFailed
from security.locks import lock_files
from security.minimums import unfixed


def main() -> int:
    """Print what is known against each file; non-zero if anything is, or nobody could be asked."""
    return audit(ROOT, tools.SCAN / "pip-audit")


def audit(root: Path, pip_audit: Path) -> int:
    status = 0
    for lock in lock_files(root):
        name = str(lock.relative_to(root))
        accepted = [one["advisory"] for one in unfixed().values() if one["only_in"] == name]
        try:
            told = tools.run_for_json(
                pip_audit,
                *("--strict", "--require-hashes", "--disable-pip"),
                *("--progress-spinner", "off", "-f", "json", "-r", lock),
                *(part for advisory in accepted for part in ("--ignore-vuln", advisory)),
                cwd=root,
            )
        except ScanFailed as error:
            print(f"{name}: not audited: {error}", file=sys.stderr)
            status = 1
            continue
        wrong = [
            f"{one['name']} {one.get('version', '?')}: {what}"
            for one in told["dependencies"]
            for what in _against(one)
        ]
        if wrong or not told["dependencies"]:
            status = 1
        print(f"{name}: {len(told['dependencies'])} packages, {len(wrong)} complaints")
        print("".join(f"  {line}\n" for line in wrong), end="")
    return status


def _against(dependency: dict[str, object]) -> list[str]:
    if reason := dependency.get("skip_reason"):
        return [f"not audited: {reason}"]
    known = dependency["vulns"]
    assert isinstance(known, list)
    return [f"{one['id']}, mended in {', '.join(one['fix_versions'])}" for one in known]
