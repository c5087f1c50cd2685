"""Alarms by the metrics that are there, on a CloudWatch that evaluates nothing itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local import alarms, aws
from local.config import REGION, STACK, from_environment

SELECT = 'SELECT SUM(errors_total) FROM SCHEMA("Slotkeeper/local", command, service)'


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:  # Any: generated client type
    with mock_aws():
        made = boto3.client("cloudwatch", region_name=REGION)
        monkeypatch.setattr(aws, "client", lambda config, service: made)
        yield made


def put(cloudwatch: Any, value: float, **dimensions: str) -> None:
    datum = {
        "MetricName": "errors_total",
        "Dimensions": [{"Name": name, "Value": told} for name, told in dimensions.items()],
        "Value": value,
    }
    cloudwatch.put_metric_data(Namespace="Slotkeeper/local", MetricData=[datum])


def make(cloudwatch: Any, id_: str, **what: Any) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=f"{STACK}-{id_}",
        AlarmDescription=f"Runbook: docs/runbooks/{id_}.md",
        EvaluationPeriods=1,
        Threshold=10,
        ComparisonOperator="GreaterThanThreshold",
        **({"TreatMissingData": "notBreaching"} | what),
    )


def plain(**dimensions: str) -> dict[str, Any]:
    return {
        "Namespace": "Slotkeeper/local",
        "MetricName": "errors_total",
        "Dimensions": [{"Name": name, "Value": told} for name, told in dimensions.items()],
        "Statistic": "Sum",
        "Period": 3600,
    }


def asked(expression: str) -> dict[str, Any]:
    return {"Metrics": [{"Id": "asked", "Expression": expression, "Period": 3600}]}


def states(left_out: int = 0) -> dict[str, str]:
    config = from_environment()
    assert len(alarms.evaluate(config, datetime.now(UTC))) == left_out
    return {alarm.id: alarm.state for alarm in alarms.read(config)}


def test_an_alarm_goes_by_the_metric_with_its_own_dimensions(cloudwatch: Any) -> None:
    put(cloudwatch, 20, service="slotkeeper", command="find")
    put(cloudwatch, 1, service="slotkeeper", command="update")
    for command in ("find", "update", "insert"):
        make(cloudwatch, command, **plain(service="slotkeeper", command=command))

    assert states() == {"find": "ALARM", "update": "OK", "insert": "OK"}


def test_an_alarm_may_ask_for_a_metric_over_all_its_labels(cloudwatch: Any) -> None:
    make(cloudwatch, "asked", **asked(SELECT))
    assert states() == {"asked": "OK"}

    put(cloudwatch, 6, service="slotkeeper", command="find")
    put(cloudwatch, 100, service="slotkeeper")  # of another schema
    assert states() == {"asked": "OK"}

    put(cloudwatch, 6, service="slotkeeper", command="update")
    assert states() == {"asked": "ALARM"}


def test_silence_breaches_only_after_what_comes_each_minute_was_due(cloudwatch: Any) -> None:
    told = {**plain(service="slotkeeper"), "Period": 10, "TreatMissingData": "breaching"}
    make(cloudwatch, "lag", **told)
    put(cloudwatch, 1, service="slotkeeper")
    config, now = from_environment(), datetime.now(UTC)

    def state(seconds: float) -> str:
        alarms.evaluate(config, now + timedelta(seconds=seconds))
        [alarm] = alarms.read(config)
        return alarm.state

    assert [state(90), state(150), state(240)] == ["OK", "OK", "ALARM"]


def test_an_alarm_that_is_not_understood_is_named_and_left_as_it_is(cloudwatch: Any) -> None:
    make(cloudwatch, "odd", **asked("ANOMALY_DETECTION_BAND(m1, 2)"))
    cloudwatch.set_alarm_state(
        AlarmName=f"{STACK}-odd", StateValue="ALARM", StateReason="somebody tried it"
    )

    assert states(left_out=1) == {"odd": "ALARM"}


def test_an_alarm_tells_its_runbook(cloudwatch: Any) -> None:
    make(cloudwatch, "find", **plain(service="slotkeeper"))

    [alarm] = alarms.read(from_environment())

    assert (alarm.id, alarm.runbook) == ("find", "docs/runbooks/find.md")
