"""Print the template as CloudFormation gets it: `python translate.py TEMPLATE [NAME=VALUE ...]`.

Runs in SAM CLI's own environment: for the scanners, and for tests of what a deployment is made of.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.sdk.resource import SamResourceType
from samtranslator.translator.translator import Translator

WHERE_CODE_IS = {
    SamResourceType.Function.value: "CodeUri",
    SamResourceType.LambdaLayerVersion.value: "ContentUri",
}


def main(path: str, *given: str) -> None:
    template: dict[str, Any] = yaml_parse(Path(path).read_text())
    for resource in template["Resources"].values():
        if resource["Type"] in WHERE_CODE_IS:
            # `sam package` would have put it there.
            resource["Properties"][WHERE_CODE_IS[resource["Type"]]] = "s3://bucket/key"
    told = {name: resource.get("Metadata") for name, resource in template["Resources"].items()}
    session = boto3.Session(region_name="eu-central-1")  # asks nobody: it only knows the region
    parameters = dict(pair.split("=", 1) for pair in given)
    made = Translator({}, Parser(), boto_session=session).translate(template, parameters)
    _carry(told, made["Resources"])
    json.dump(made, sys.stdout, default=str)


def _carry(told: dict[str, Any], resources: dict[str, Any]) -> None:
    """Let what is said of an API be said of its stage too, which SAM makes."""
    for resource in resources.values():
        if resource["Type"] == "AWS::ApiGateway::Stage":
            metadata = told.get(resource["Properties"]["RestApiId"].get("Ref"))
            if metadata:
                resource["Metadata"] = metadata


if __name__ == "__main__":
    main(*sys.argv[1:])
