"""The template with parameters filled in: what CloudFormation makes of it, and whether it may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.translated import Node, template

_LEFT_OUT = object()


class Filled:
    """The template with these parameters, the others by default."""

    def __init__(self, **parameters: str) -> None:
        whole = template()
        defaults = {
            name: str(parameter["Default"])
            for name, parameter in whole["Parameters"].items()
            if "Default" in parameter
        }
        self._values: Mapping[str, str] = {**defaults, **parameters}
        self._conditions = whole.get("Conditions", {})
        self._rules = whole.get("Rules", {})
        self._all = whole["Resources"]

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
            return [one for one in filled if one is not _LEFT_OUT]
        if not isinstance(node, dict):
            return node
        if set(node) == {"Ref"}:
            is_left_out = node["Ref"] == "AWS::NoValue"
            return _LEFT_OUT if is_left_out else self._values.get(node["Ref"], node)
        if set(node) == {"Fn::Join"}:
            between, parts = self.fill(node["Fn::Join"])
            # A list of none is written as an empty text.
            return parts if isinstance(parts, str) else {"Fn::Join": [between, parts]}
        if set(node) == {"Fn::If"}:
            name, yes, no = node["Fn::If"]
            return self.fill(yes if self.holds({"Condition": name}) else no)
        values = {name: self.fill(value) for name, value in node.items()}
        return {name: value for name, value in values.items() if value is not _LEFT_OUT}
