"""checkov over the template as CloudFormation gets it, with the roles SAM makes of policies."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from security import tools
from security.findings import Finding, ScanFailed

_TRANSLATE = Path(__file__).parent / "translate.py"


def checkov(template: Path) -> list[Finding]:
    """What checkov has against the template's resources, the generated ones too.

    Raises:
        ScanFailed: the template could not be translated or read.
    """
    with TemporaryDirectory() as folder:
        translated = Path(folder) / "cloudformation.json"
        text = tools.run(
            tools.SAM / "python", _TRANSLATE, template, cwd=template.parent, accepts=(0,)
        )
        translated.write_text(text)
        told = tools.run_for_json(
            tools.SCAN / "checkov",
            *("-f", translated, "--framework", "cloudformation"),
            *("--skip-download", "--compact", "--quiet", "-o", "json"),
            cwd=Path(folder),
        )
    resources = json.loads(text)["Resources"]
    summary = told.get("summary", told)
    if summary["parsing_errors"] or not summary["resource_count"]:
        raise ScanFailed("checkov could not read the template")
    failed = told["results"]["failed_checks"]
    return [_finding(one) for one in failed] + [
        Finding(rule="silenced", place=name, what=f"{skip['id']} is skipped without a comment")
        for name, resource in resources.items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
        if len(str(skip.get("comment", "")).split()) < 3
    ]


def _finding(failed: dict[str, Any]) -> Finding:  # Any: checkov's own JSON
    name = failed["resource"].rsplit(".", 1)[-1]
    return Finding(rule=failed["check_id"], place=name, what=failed["check_name"])
