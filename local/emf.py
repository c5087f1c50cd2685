"""Metrics in log lines (CloudWatch's embedded metric format), read as CloudWatch reads them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MOST_VALUES = 150
"""What one datum of PutMetricData takes."""

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of one metric; `at` in whole seconds since the epoch."""

    namespace: str
    name: str
    dimensions: Dimensions
    unit: str
    at: int
    value: float


def points(line: str) -> list[Point]:
    """What a log line tells of metrics: nothing, if it is of another kind or malformed."""
    if '"_aws"' not in line:
        return []
    try:
        told = json.loads(line[line.index("{") :])
        return list(_points(told))
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _points(told: dict[str, Any]) -> Iterator[Point]:
    at = int(told["_aws"]["Timestamp"]) // 1000
    for group in told["_aws"]["CloudWatchMetrics"]:
        for names in group["Dimensions"]:
            dimensions = tuple(sorted((str(name), str(told[name])) for name in names))
            for metric in group["Metrics"]:
                found = told[metric["Name"]]
                for value in found if isinstance(found, list) else [found]:
                    yield Point(
                        namespace=group["Namespace"],
                        name=metric["Name"],
                        dimensions=dimensions,
                        unit=metric.get("Unit", "None"),
                        at=at,
                        value=float(value),
                    )


def as_data(found: Iterable[Point]) -> dict[str, list[dict[str, Any]]]:
    """The data of PutMetricData for each namespace: values of one second told together."""
    values: dict[tuple[str, str, Dimensions, str, int], Counter[float]] = defaultdict(Counter)
    for point in found:
        key = (point.namespace, point.name, point.dimensions, point.unit, point.at)
        values[key][point.value] += 1
    data: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for (namespace, name, dimensions, unit, at), counted in values.items():
        items = list(counted.items())
        for start in range(0, len(items), MOST_VALUES):
            some = items[start : start + MOST_VALUES]
            data[namespace].append(
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions],
                    "Unit": unit,
                    "Timestamp": datetime.fromtimestamp(at, UTC),
                    "Values": [value for value, _ in some],
                    "Counts": [float(count) for _, count in some],
                }
            )
    return data
