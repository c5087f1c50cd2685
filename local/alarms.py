"""The alarms of the local stack: read, and set to the state that the metrics give them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local import aws
from local.alarm_states import NotUnderstood, Series, computed, state
from local.config import STACK, Config

_SELECT = re.compile(
    r"SELECT\s+(?P<statistic>\w+)\((?P<metric>\w+)\)\s+"
    r'FROM\s+SCHEMA\("(?P<namespace>[^"]+)",(?P<dimensions>[^)]+)\)',
    re.IGNORECASE,
)
"""The one kind of Metrics Insights query that is understood: a metric over all its labels."""
_TOGETHER: Mapping[str, tuple[str, Callable[[Sequence[float]], float]]] = {
    "SUM": ("Sum", sum),
    "MAX": ("Maximum", max),
    "MIN": ("Minimum", min),
}
SILENCE_SECONDS = 180
"""Silence breaches, where an alarm says so, after this: schedules run each minute, and an alarm's
periods are of seconds here."""
_RUNBOOK = re.compile(r"\S*[\w.-]+\.md\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One as an operator sees it."""

    id: str
    """Its name without the stack's."""
    state: str
    reason: str
    description: str

    @property
    def runbook(self) -> str | None:
        """What its description names."""
        found = _RUNBOOK.search(self.description)
        return found.group().strip("().,") if found else None


def read(config: Config) -> list[Alarm]:
    """All of the stack's metric alarms, by name."""
    return [
        Alarm(
            id=told["AlarmName"].removeprefix(f"{STACK}-"),
            state=told["StateValue"],
            reason=told.get("StateReason", ""),
            description=told.get("AlarmDescription", ""),
        )
        for told in sorted(_told(config), key=lambda told: str(told["AlarmName"]))
    ]


def _told(config: Config) -> Iterator[dict[str, Any]]:
    pages = aws.client(config, "cloudwatch").get_paginator("describe_alarms")
    for page in pages.paginate(AlarmNamePrefix=f"{STACK}-"):
        yield from page["MetricAlarms"]


def evaluate(config: Config, now: datetime) -> list[str]:
    """Set each alarm's state; the names of those that are not understood here."""
    cloudwatch = aws.client(config, "cloudwatch")
    left_out = []
    for alarm in _told(config):
        try:
            wanted = state(alarm, _heard(cloudwatch, alarm, now))
        except NotUnderstood:
            left_out.append(str(alarm["AlarmName"]))
            continue
        if wanted != alarm["StateValue"]:
            cloudwatch.set_alarm_state(
                AlarmName=alarm["AlarmName"],
                StateValue=wanted,
                StateReason=f"{wanted} by the metrics of the last periods, at {now:%H:%M:%S} UTC",
            )
    return left_out


def _heard(cloudwatch: Any, alarm: dict[str, Any], now: datetime) -> Series:
    """A value for each period that the alarm evaluates, and for the one that still runs."""
    periods = alarm["EvaluationPeriods"] + 1
    if alarm.get("TreatMissingData") != "breaching" or "Period" not in alarm:
        return _series(cloudwatch, alarm, periods, now)
    lasting = math.ceil(SILENCE_SECONDS / alarm["Period"])
    found = _series(cloudwatch, alarm, periods + lasting, now)
    return [_last(found[n : n + lasting + 1]) for n in range(periods)]


def _last(values: Series) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


def _series(cloudwatch: Any, alarm: dict[str, Any], periods: int, now: datetime) -> Series:
    if alarm.get("MetricName"):
        return _asked(cloudwatch, _query(alarm), periods, now)
    metrics: dict[str, Series] = {}
    result: Series | None = None
    # A query may come before those it is computed from.
    for query in sorted(alarm.get("Metrics", []), key=lambda query: "Expression" in query):
        if (selected := _SELECT.fullmatch(query.get("Expression", "").strip())) is not None:
            metrics[query["Id"]] = _selected(cloudwatch, selected, query["Period"], periods, now)
        elif "Expression" in query:
            metrics[query["Id"]] = computed(query["Expression"], metrics)
        else:
            metrics[query["Id"]] = _asked(cloudwatch, query, periods, now)
        if query.get("ReturnData", True):
            result = metrics[query["Id"]]
    if result is None:
        raise NotUnderstood(str(alarm["AlarmName"]))
    return result


def _selected(
    cloudwatch: Any, selected: re.Match[str], period: int, periods: int, now: datetime
) -> Series:
    """Of a query over all metrics of a name that have just the dimensions of the schema."""
    names = {name.strip().strip('"') for name in selected["dimensions"].split(",")}
    metric = {"Namespace": selected["namespace"], "MetricName": selected["metric"]}
    statistic = selected["statistic"].upper()
    if statistic not in _TOGETHER:
        raise NotUnderstood(selected.group())
    found = [
        _asked(
            cloudwatch,
            {
                "Id": "m",
                "MetricStat": {
                    "Metric": metric | {"Dimensions": told["Dimensions"]},
                    "Period": period,
                    "Stat": _TOGETHER[statistic][0],
                },
            },
            periods,
            now,
        )
        for page in cloudwatch.get_paginator("list_metrics").paginate(**metric)
        for told in page["Metrics"]
        if {dimension["Name"] for dimension in told["Dimensions"]} == names
    ]
    together = _TOGETHER[statistic][1]
    columns = zip(*found, strict=True) if found else [()] * periods
    there = ([value for value in column if value is not None] for column in columns)
    return [float(together(values)) if values else None for values in there]


def _query(alarm: dict[str, Any]) -> dict[str, Any]:
    metric = {name: alarm[name] for name in ("Namespace", "MetricName")}
    return {
        "Id": "m",
        "MetricStat": {
            "Metric": metric | {"Dimensions": alarm.get("Dimensions", [])},
            "Period": alarm["Period"],
            "Stat": alarm.get("ExtendedStatistic") or alarm["Statistic"],
        },
    }


def _asked(cloudwatch: Any, query: dict[str, Any], periods: int, now: datetime) -> Series:
    period = query["MetricStat"]["Period"]
    current = int(now.timestamp()) // period * period
    starts = [current - n * period for n in reversed(range(periods))]
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": query["Id"], "MetricStat": query["MetricStat"]}],
        StartTime=datetime.fromtimestamp(starts[0], UTC),
        EndTime=now + timedelta(seconds=1),
    )["MetricDataResults"][0]
    there = {
        int(at.timestamp()): value
        for at, value in zip(answer["Timestamps"], answer["Values"], strict=True)
    }
    return [there.get(start) for start in starts]
