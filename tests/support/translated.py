"""The template after SAM's transform: what CloudFormation is really asked for."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

from local.config import ROOT, TOOLS

Node = dict[str, Any]  # Any: a template is free YAML
NO_VALUE = {"Ref": "AWS::NoValue"}


@cache
def template(*given: str) -> Node:
    """The template without SAM's own types; `given` are parameters, NAME=value."""
    done = subprocess.run(
        [
            str(TOOLS / "venvs" / "sam" / "bin" / "python"),
            str(ROOT / "security" / "translate.py"),
            str(ROOT / "template.yaml"),
            *given,
        ],
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    found: Node = json.loads(done.stdout)
    return found


def resources() -> dict[str, Node]:
    """Every resource by its logical id, whatever its condition."""
    found: dict[str, Node] = template()["Resources"]
    return found


def of_type(type_: str) -> dict[str, Node]:
    """Their properties."""
    return {
        name: resource.get("Properties", {})
        for name, resource in resources().items()
        if resource["Type"] == type_
    }


def whatever_the_condition(values: Any) -> list[Any]:
    """One value or several, with all that an `!If` can be."""
    if isinstance(values, list):
        return [one for value in values for one in whatever_the_condition(value)]
    if isinstance(values, dict) and set(values) == {"Fn::If"}:
        return whatever_the_condition(values["Fn::If"][1:])
    return [] if values == NO_VALUE else [values]


def statements_of(document: Any) -> list[Node]:
    """The statements of one policy document; it may be written as text."""
    if isinstance(document, dict) and set(document) == {"Fn::Sub"}:
        document = json.loads(document["Fn::Sub"])
    return whatever_the_condition(document["Statement"])


def policies() -> Iterator[tuple[str, str, Node]]:
    """Logical id, kind of policy, and statement: everything that grants or denies anything."""
    where = {"PolicyDocument": "granted", "KeyPolicy": "key", "AssumeRolePolicyDocument": "trust"}
    for name, resource in resources().items():
        properties = resource.get("Properties", {})
        for key, kind in where.items():
            if key in properties:
                for statement in statements_of(properties[key]):
                    yield name, kind, statement
        for policy in whatever_the_condition(properties.get("Policies", [])):
            for statement in statements_of(policy["PolicyDocument"]):
                yield name, "granted", statement


def role_of(function: str) -> str:
    """The logical id of a function's role."""
    [role, _] = of_type("AWS::Lambda::Function")[function]["Role"]["Fn::GetAtt"]
    return str(role)


def granted_to(function: str) -> list[Node]:
    """Every statement of the function's own role."""
    role = role_of(function)
    return [statement for name, kind, statement in policies() if (name, kind) == (role, "granted")]
