"""TEMPLATE OUT: what SAM makes of a template, as CloudFormation's JSON. Run with SAM CLI's Python."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.translator.transform import transform  # noqa: E402  # reads the region
from samtranslator.yaml_helper import yaml_parse  # noqa: E402


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


def main(template: str, out: str) -> None:
    document: dict[str, Any] = yaml_parse(Path(template).read_text())
    # Code is not looked at here; SAM wants it uploaded before it translates.
    for resource in document["Resources"].values():
        for place in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            resource["Properties"][place] = "s3://bucket/key"
    values = {
        name: parameter.get("Default", "unset")
        for name, parameter in document.get("Parameters", {}).items()
    }
    Path(out).write_text(json.dumps(transform(document, values, _NoManagedPolicies())))


if __name__ == "__main__":
    main(*sys.argv[1:])
