"""Metrics in log lines, and what a line that has none is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from local.emf import MOST_VALUES, as_data, points
from local.metrics_bridge import _told

AT = 1_790_000_000


def line(**changes: Any) -> str:
    metrics = {
        "Namespace": "Slotkeeper/local",
        "Dimensions": [["service"], ["service", "command"]],
        "Metrics": [{"Name": "mongodb_ms", "Unit": "Milliseconds"}],
    }
    told = {
        "_aws": {"Timestamp": AT * 1000 + 7, "CloudWatchMetrics": [metrics]},
        "service": "slotkeeper",
        "command": "find",
        "mongodb_ms": [1.5, 2.5],
    }
    return json.dumps({**told, **changes})


def test_a_line_is_a_point_for_each_value_under_each_set_of_dimensions() -> None:
    found = points(line())

    assert [(p.dimensions, p.value) for p in found] == [
        ((("service", "slotkeeper"),), 1.5),
        ((("service", "slotkeeper"),), 2.5),
        ((("command", "find"), ("service", "slotkeeper")), 1.5),
        ((("command", "find"), ("service", "slotkeeper")), 2.5),
    ]
    assert {(p.namespace, p.name, p.unit, p.at) for p in found} == {
        ("Slotkeeper/local", "mongodb_ms", "Milliseconds", AT)
    }


def test_a_value_may_stand_alone_and_a_line_may_have_a_prefix() -> None:
    assert {p.value for p in points("2026-11-26T12:00:00Z " + line(mongodb_ms=3))} == {3.0}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "START RequestId: 1",
        '{"message": "invocation.started"}',
        '{"_aws": {}}',
        '{"_aws": 7}',
        '{"_aws"',
        line(mongodb_ms="many"),
        line(_aws={"Timestamp": None, "CloudWatchMetrics": []}),
    ],
)
def test_a_line_of_another_kind_or_a_broken_one_tells_nothing(text: str) -> None:
    assert points(text) == []


def test_values_of_one_second_are_told_together_with_how_often_each_was() -> None:
    [datum, by_command] = as_data(points(line(mongodb_ms=[1, 1, 2])))["Slotkeeper/local"]

    assert (datum["Values"], datum["Counts"]) == ([1.0, 2.0], [2.0, 1.0])
    assert datum["Timestamp"] == datetime.fromtimestamp(AT, UTC)
    assert by_command["Dimensions"] == [
        {"Name": "command", "Value": "find"},
        {"Name": "service", "Value": "slotkeeper"},
    ]


def test_no_datum_has_more_values_than_it_may() -> None:
    data = as_data(points(line(mongodb_ms=list(range(MOST_VALUES + 1)))))["Slotkeeper/local"]

    assert [len(datum["Values"]) for datum in data] == [MOST_VALUES, 1] * 2


def test_an_answered_request_counts_as_the_gateway_would_count_it() -> None:
    told = {"message": "invocation.completed", "status": 503, "durationMs": 12.5}

    found = {p.name: p.value for p in _told(json.dumps(told).replace(": ", ":"))}

    assert found == {
        "Count": 1.0,
        "4XXError": 0.0,
        "5XXError": 1.0,
        "Latency": 12.5,
        "IntegrationLatency": 12.5,
    }


def test_an_invocation_that_answers_nobody_is_no_request() -> None:
    told = {"message": "invocation.completed", "status": None, "durationMs": 12.5}

    assert _told(json.dumps(told)) == []
