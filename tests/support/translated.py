"""template.yaml as CloudFormation gets it: translated by SAM, and with parameters filled in."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.config import TOOLS

ROOT = Path(__file__).parents[2]
NO_VALUE = object()
Node = dict[str, Any]  # Any: a template is free JSON

_TRANSLATE = """
import json, sys
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

template = yaml_parse(open(sys.argv[1]).read())
for resource in template["Resources"].values():
    for name in ("CodeUri", "ContentUri"):
        if name in resource.get("Properties", {}):
            resource["Properties"][name] = "s3://bucket/key"
print(json.dumps(transform(template, {}, None)))
"""


@functools.cache
def translated() -> Node:
    """The template without SAM's own types."""
    done = subprocess.run(
        [TOOLS / "venvs" / "sam" / "bin" / "python", "-c", _TRANSLATE, ROOT / "template.yaml"],
        env={"AWS_DEFAULT_REGION": "eu-central-1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: Node = json.loads(done.stdout)
    return found


class Filled:
    """The template with these parameters, the others by default."""

    def __init__(self, **parameters: str) -> None:
        template = translated()
        defaults = {
            name: str(parameter["Default"])
            for name, parameter in template["Parameters"].items()
            if "Default" in parameter
        }
        self._values: Mapping[str, str] = {**defaults, **parameters}
        self._conditions = template.get("Conditions", {})
        self._rules = template.get("Rules", {})
        self._all = template["Resources"]

    @property
    def resources(self) -> dict[str, Node]:
        """Those that there are, by name."""
        return {
            name: self.fill(resource)
            for name, resource in self._all.items()
            if "Condition" not in resource or self.holds({"Condition": resource["Condition"]})
        }

    @property
    def is_allowed(self) -> bool:
        """Whether the template's rules let it be deployed."""
        return all(
            self.holds(assertion["Assert"])
            for rule in self._rules.values()
            if "RuleCondition" not in rule or self.holds(rule["RuleCondition"])
            for assertion in rule["Assertions"]
        )

    def holds(self, condition: Any) -> bool:  # Any: a condition is free JSON
        [(operator, operands)] = condition.items()
        match operator:
            case "Condition":
                return self.holds(self._conditions[operands])
            case "Fn::Equals":
                first, second = (str(self.fill(operand)) for operand in operands)
                return first == second
            case "Fn::Not":
                return not self.holds(operands[0])
            case "Fn::And":
                return all(self.holds(operand) for operand in operands)
            case "Fn::Or":
                return any(self.holds(operand) for operand in operands)
        raise AssertionError(f"unknown condition: {operator}")

    def fill(self, node: Any) -> Any:  # Any: a template is free JSON
        if isinstance(node, list):
            filled = [self.fill(one) for one in node]
            return [one for one in filled if one is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if set(node) == {"Ref"}:
            if node["Ref"] == "AWS::NoValue":
                return NO_VALUE
            return self._values.get(node["Ref"], node)
        if set(node) == {"Fn::If"}:
            name, yes, no = node["Fn::If"]
            return self.fill(yes if self.holds({"Condition": name}) else no)
        values = {name: self.fill(value) for name, value in node.items()}
        return {name: value for name, value in values.items() if value is not NO_VALUE}
