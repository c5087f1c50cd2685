"""Of a stack that stands by nothing works by itself; of one that is active everything does."""

from __future__ import annotations

import json

import pytest

from tests.support.filled import Filled
from tests.template.test_secrets import NEEDED, of_type

SCHEDULE = "AWS::Scheduler::Schedule"
CONSUMER = "AWS::Lambda::EventSourceMapping"
ROTATION = "AWS::SecretsManager::RotationSchedule"


def stack(standby: str, payment: str = "stripe") -> Filled:
    return Filled(Environment="prod", Standby=standby, PaymentProvider=payment, **NEEDED)


@pytest.mark.parametrize(("standby", "state"), [("true", "DISABLED"), ("false", "ENABLED")])
def test_schedules_rest_while_it_stands_by(standby: str, state: str) -> None:
    schedules = of_type(stack(standby), SCHEDULE)

    assert len(schedules) >= 4
    assert {one["State"] for one in schedules.values()} == {state}


@pytest.mark.parametrize("standby", ["true", "false"])
def test_payments_are_settled_where_they_are_taken_and_nowhere_that_stands_by(
    standby: str,
) -> None:
    states = {one["State"] for one in of_type(stack(standby, "none"), SCHEDULE).values()}

    assert states == ({"DISABLED"} if standby == "true" else {"DISABLED", "ENABLED"})


@pytest.mark.parametrize(("standby", "is_enabled"), [("true", False), ("false", True)])
def test_queues_wait_while_it_stands_by(standby: str, is_enabled: bool) -> None:
    consumers = of_type(stack(standby), CONSUMER)

    assert consumers
    assert {one["Enabled"] for one in consumers.values()} == {is_enabled}


def test_keys_are_rotated_where_codes_are_made() -> None:
    assert of_type(stack("false"), ROTATION)
    assert not of_type(stack("true"), ROTATION)


@pytest.mark.parametrize(("standby", "silence"), [("true", "notBreaching"), ("false", "breaching")])
def test_nobody_is_woken_because_what_rests_says_nothing(standby: str, silence: str) -> None:
    alarms = of_type(stack(standby), "AWS::CloudWatch::Alarm").values()
    lags = [one for one in alarms if "-lag" in json.dumps(one["AlarmName"])]

    assert len(lags) >= 3
    assert {one["TreatMissingData"] for one in lags} == {silence}


@pytest.mark.parametrize("standby", ["true", "false"])
def test_every_function_knows_it(standby: str) -> None:
    functions = of_type(stack(standby), "AWS::Lambda::Function")

    known = {one["Environment"]["Variables"].get("STANDBY") for one in functions.values()}

    assert known == {standby}
