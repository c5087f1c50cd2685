"""What state an alarm is in, by the values of its periods: CloudWatch's rules, on this machine.

The emulator's own evaluation knows neither dimensions, nor missing data, nor metric math.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Series = Sequence[float | None]
"""A value for each period, the oldest first; the last period is still running. None: no data."""

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


class NotUnderstood(Exception):
    """An alarm of a kind that is not evaluated here."""


def state(alarm: Mapping[str, Any], series: Series) -> str:
    """OK, ALARM or INSUFFICIENT_DATA; `series` has one period more than the alarm evaluates.

    A period that is still running counts as soon as it breaches: nobody waits for its end here.

    Raises:
        NotUnderstood: it compares in a way that is not evaluated here.
    """
    compare = _COMPARE.get(alarm["ComparisonOperator"])
    if compare is None:
        raise NotUnderstood(alarm["ComparisonOperator"])
    periods = alarm["EvaluationPeriods"]
    needed = alarm.get("DatapointsToAlarm") or periods
    missing = alarm.get("TreatMissingData", "missing")
    spans = [series[-periods - 1 : -1]]
    if alarm["ComparisonOperator"].startswith("Greater"):
        # A sum or a maximum only rises until its period ends; a minimum may still fall.
        spans.append(series[-periods:])
    if all(value is None for value in series):
        return {"breaching": "ALARM", "notBreaching": "OK", "ignore": str(alarm["StateValue"])}.get(
            missing, "INSUFFICIENT_DATA"
        )
    for span in spans:
        breaching = sum(
            compare(value, alarm["Threshold"]) if value is not None else missing == "breaching"
            for value in span
        )
        if breaching >= needed:
            return "ALARM"
    return "OK"


def computed(expression: str, metrics: Mapping[str, Series]) -> list[float | None]:
    """The series of a metric math expression: arithmetic, comparisons, IF, FILL, MIN and MAX.

    Raises:
        NotUnderstood: it uses anything else.
    """
    try:
        tree = ast.parse(expression.replace("&&", " and ").replace("||", " or "), mode="eval")
    except SyntaxError as error:
        raise NotUnderstood(expression) from error
    # Of no metric at all it is still looked at, if only to tell that it is not understood.
    length = max((len(series) for series in metrics.values()), default=1)
    found = []
    for n in range(length):
        values = {name: series[n] for name, series in metrics.items()}
        found.append(_value(tree.body, values))
    return found


_ARITHMETIC: Mapping[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def _value(  # noqa: PLR0911  # one for each kind of part
    node: ast.expr, values: Mapping[str, float | None]
) -> float | None:
    """Of that part of an expression; None where a metric has no data, as in CloudWatch."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _applied(ast.Sub(), 0.0, _value(inner, values))
        case ast.BinOp(left=left, op=op, right=right):
            return _applied(op, _value(left, values), _value(right, values))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _applied(op, _value(left, values), _value(right, values))
        case ast.BoolOp(op=op, values=parts):
            truths = [bool(_value(part, values)) for part in parts]
            return float(all(truths) if isinstance(op, ast.And) else any(truths))
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return _called(function, arguments, values)
    raise NotUnderstood(ast.unparse(node))


def _applied(op: object, left: float | None, right: float | None) -> float | None:
    apply = _ARITHMETIC.get(type(op))
    if apply is None:
        raise NotUnderstood(type(op).__name__)
    if left is None or right is None or (isinstance(op, ast.Div) and right == 0):
        return None
    return float(apply(left, right))


def _called(
    function: str, arguments: Sequence[ast.expr], values: Mapping[str, float | None]
) -> float | None:
    if function == "IF" and len(arguments) == 3:
        condition = _value(arguments[0], values)
        return None if condition is None else _value(arguments[1 if condition else 2], values)
    if function == "FILL" and len(arguments) == 2:
        found = _value(arguments[0], values)
        return _value(arguments[1], values) if found is None else found
    if function in {"MIN", "MAX"} and arguments:
        listed = arguments[0].elts if isinstance(arguments[0], ast.List) else arguments
        there = [v for one in listed if (v := _value(one, values)) is not None]
        return (min if function == "MIN" else max)(there, default=None)
    raise NotUnderstood(function)
