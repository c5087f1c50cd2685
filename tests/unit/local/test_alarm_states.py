"""The state of an alarm by its periods, and metric math."""

from __future__ import annotations

from typing import Any

import pytest

from local.alarm_states import NotUnderstood, computed, state


def alarm(**changes: Any) -> dict[str, Any]:
    usual = {
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 5,
        "EvaluationPeriods": 2,
        "TreatMissingData": "notBreaching",
        "StateValue": "OK",
    }
    return usual | changes


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ([9, 9, None], "ALARM"),
        ([None, 9, 9], "ALARM"),  # the period that still runs breaches already
        ([9, 1, 9], "OK"),
        ([None, 9, None], "OK"),
        ([5, 5, 5], "OK"),
        ([None, None, None], "OK"),
    ],
)
def test_an_alarm_is_on_when_as_many_periods_breach_as_it_says(
    series: list[float | None], expected: str
) -> None:
    assert state(alarm(), series) == expected


def test_fewer_may_do() -> None:
    assert state(alarm(DatapointsToAlarm=1), [None, 9, None]) == "ALARM"


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("breaching", "ALARM"),
        ("notBreaching", "OK"),
        ("ignore", "ALARM"),
        ("missing", "INSUFFICIENT_DATA"),
    ],
)
def test_silence_is_what_the_alarm_says_it_is(missing: str, expected: str) -> None:
    told = alarm(TreatMissingData=missing, StateValue="ALARM")

    assert state(told, [None, None, None]) == expected


def test_a_period_that_still_runs_is_not_too_low_before_it_ends() -> None:
    low = alarm(ComparisonOperator="LessThanThreshold", EvaluationPeriods=1)

    assert state(low, [9, 1]) == "OK"
    assert state(low, [1, 9]) == "ALARM"


def test_bands_are_not_understood() -> None:
    with pytest.raises(NotUnderstood):
        state(alarm(ComparisonOperator="GreaterThanUpperThreshold"), [1, 1, 1])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("100 * errors / requests", [10.0, None, None]),
        ("IF(requests >= 20, 100*errors/requests, 0)", [0.0, 0.0, None]),
        ("FILL(errors, 0) + FILL(requests, 0)", [11.0, 4.0, 0.0]),
        ("-errors", [-1.0, -4.0, None]),
        ("MAX([errors, requests])", [10.0, 4.0, None]),
        ("IF(errors > 0 && requests > 0, 1, 0)", [1.0, 0.0, 0.0]),
    ],
)
def test_metric_math_is_computed_for_each_period(
    expression: str, expected: list[float | None]
) -> None:
    metrics = {"errors": [1.0, 4.0, None], "requests": [10.0, 0.0, None]}

    assert computed(expression, metrics) == expected


@pytest.mark.parametrize(
    "expression",
    ["ANOMALY_DETECTION_BAND(m, 2)", "m[0]", "unknown", "m ** 2", "__import__('os')", "m +"],
)
def test_other_math_is_not_understood(expression: str) -> None:
    with pytest.raises(NotUnderstood):
        computed(expression, {"m": [1.0]})
