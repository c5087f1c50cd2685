"""Print the template as CloudFormation gets it: `python translate.py TEMPLATE [NAME=VALUE ...]`.

Runs in SAM's own environment. Also what scanners are to look at beside the template itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

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
    template = yaml_parse(Path(path).read_text())
    for resource in template["Resources"].values():
        if resource["Type"] in WHERE_CODE_IS:
            # `sam package` would have put it there.
            resource["Properties"][WHERE_CODE_IS[resource["Type"]]] = "s3://bucket/key"
    session = boto3.Session(
        region_name="eu-central-1", aws_access_key_id="none", aws_secret_access_key="none"
    )
    parameters = dict(pair.split("=", 1) for pair in given)
    made = Translator({}, Parser(), boto_session=session).translate(template, parameters)
    # What an API's metadata says of findings is for its stage, where they are found; SAM drops it.
    made["Resources"]["ApiStage"]["Metadata"] = template["Resources"]["Api"]["Metadata"]
    json.dump(made, sys.stdout, default=str)


if __name__ == "__main__":
    main(*sys.argv[1:])
