"""TEMPLATE OUT: what SAM makes of a template, as CloudFormation's JSON; run by SAM CLI's Python."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.translator.transform import transform  # reads the region
from samtranslator.yaml_helper import yaml_parse


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
    told = {
        name: resource["Metadata"]["checkov"]
        for name, resource in document["Resources"].items()
        if "checkov" in resource.get("Metadata", {})
    }
    translated = transform(document, values, _NoManagedPolicies())
    _carry(told, translated["Resources"])
    Path(out).write_text(json.dumps(translated))


def _carry(told: dict[str, Any], resources: dict[str, Any]) -> None:
    """Let what is said of an API be said of its stage too, which SAM makes."""
    for resource in resources.values():
        if resource["Type"] == "AWS::ApiGateway::Stage":
            api = resource["Properties"]["RestApiId"].get("Ref")
            if api in told:
                resource.setdefault("Metadata", {})["checkov"] = told[api]


if __name__ == "__main__":
    main(*sys.argv[1:])
