"""The deployed alarms: made-up values put them on, and back, and whoever is subscribed is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local import aws
from local.config import ENVIRONMENT, STACK, Config

OURS = f"Slotkeeper/{ENVIRONMENT}"
# The emulator measures none of AWS's own; what is put under their name counts as well.
TROUBLE = {
    "api-latency-p95": 5_000.0,
    "lock-contention": 100.0,
    "otp-undelivered": 20.0,
    "queue-backlog": 5_000.0,
    "queue-age": 900.0,
    "dlq-notifications": 3.0,
    "dlq-schedules": 3.0,
    "sweep-lag": 600.0,
    "outbox-lag": 600.0,
    "mongodb-connections": 0.95,
    "mongodb-errors": 100.0,
    "redis-errors": 100.0,
    "redis-memory": 0.95,
    "sms-provider-down": 1.0,
    "documents-set-aside": 2.0,
    "jwks-refresh": 10.0,
}
UNPROVED = {"audit-lag", "payments-set-aside"}
"""One is on when there is no value, of which the emulator makes nothing; one goes with payments."""


@pytest.fixture(scope="module")
def cloudwatch(system: Config, stack: dict[str, Any]) -> Any:  # Any: generated client type
    return aws.client(system, "cloudwatch")


@pytest.fixture(scope="module")
def alarms(cloudwatch: Any) -> dict[str, dict[str, Any]]:
    """The deployed alarms by their ids."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{STACK}-")
    found = [alarm for page in pages for alarm in page["MetricAlarms"]]
    for alarm in found:  # of an earlier run, or of what other tests did
        cloudwatch.set_alarm_state(
            AlarmName=alarm["AlarmName"], StateValue="OK", StateReason="a test begins"
        )
    return {alarm["AlarmName"].removeprefix(f"{STACK}-"): alarm for alarm in found}


@pytest.fixture(scope="module")
def told(system: Config, alarms: dict[str, dict[str, Any]]) -> Iterator[Any]:
    """What a subscriber of the topic has been told so far: alarm and state."""
    sqs, sns = aws.client(system, "sqs"), aws.client(system, "sns")
    [topic] = {action for alarm in alarms.values() for action in alarm["AlarmActions"]}
    url = sqs.create_queue(QueueName="test-alarms")["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = asked["Attributes"]["QueueArn"]
    lets_in = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [lets_in]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    made = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
    seen: set[tuple[str, str]] = set()

    def so_far() -> set[tuple[str, str]]:
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                said = json.loads(json.loads(message["Body"])["Message"])
                seen.add((said["AlarmName"].removeprefix(f"{STACK}-"), said["NewStateValue"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return seen

    yield so_far
    sns.unsubscribe(SubscriptionArn=made["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=url)


def put(cloudwatch: Any, alarm: dict[str, Any], value: float) -> str:
    """The alarm's state, with this as its metric's newest value."""
    datum = {"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Value": value}
    cloudwatch.put_metric_data(Namespace=alarm["Namespace"], MetricData=[datum])
    [now] = cloudwatch.describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"]
    return str(now["StateValue"])


def test_every_alarm_that_the_emulator_takes_is_tried(alarms: dict[str, Any]) -> None:
    assert set(alarms) == set(TROUBLE) | (UNPROVED & set(alarms))


@pytest.mark.parametrize("name", TROUBLE)
def test_alarm_is_on_in_trouble_and_tells_whoever_is_subscribed(
    cloudwatch: Any, alarms: dict[str, Any], told: Any, name: str
) -> None:
    state = put(cloudwatch, alarms[name], TROUBLE[name])

    assert state == "ALARM"
    assert (name, "ALARM") in told()


def test_an_alarm_is_over_when_what_it_looks_at_is(
    cloudwatch: Any, alarms: dict[str, Any], told: Any
) -> None:
    """By a threshold moved above what was measured, rather than by waiting for it to be old."""
    alarm = alarms["outbox-lag"]
    put(cloudwatch, alarm, 600.0)
    taken = {
        *("AlarmName", "AlarmDescription", "AlarmActions", "OKActions", "MetricName", "Namespace"),
        *("Statistic", "Dimensions", "Period", "EvaluationPeriods", "DatapointsToAlarm"),
        *("ComparisonOperator", "TreatMissingData"),
    }
    asked = {key: value for key, value in alarm.items() if key in taken}

    try:
        cloudwatch.put_metric_alarm(**asked, Threshold=10_000.0)

        assert ("outbox-lag", "OK") in told()
    finally:
        cloudwatch.put_metric_alarm(**asked, Threshold=alarm["Threshold"])


def test_the_dashboard_is_there(cloudwatch: Any) -> None:
    body = json.loads(cloudwatch.get_dashboard(DashboardName=STACK)["DashboardBody"])

    assert [OURS, "booking_attempts_total", "service", "slotkeeper"] in [
        metric for widget in body["widgets"] for metric in widget["properties"].get("metrics", [])
    ]
    assert "${" not in json.dumps(body)
