"""SNS down under the deployed stack: codes come by email, the status tells, and it mends itself."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis import Redis

from local import aws, identity
from local.api import Patient
from local.config import ENVIRONMENT, Config
from local.identity import Person
from local.inbox import messages
from local.incidents import SmsOutage
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.domain.provider import BreakerRules
from tests.e2e.test_delivery import eventually, ops
from tests.support.deployed import NextSlot


def function_of(stack: dict[str, Any]) -> str:
    name: str = stack["functions"]["send_notification"]
    return name


@contextmanager
def renewed(system: Config, stack: dict[str, Any]) -> Iterator[Callable[[], None]]:
    """Gives the sender new containers, each time it is called; what serves is then as before."""
    functions = aws.client(system, "lambda")
    name = function_of(stack)
    usual = functions.get_function_configuration(FunctionName=name)["Environment"]
    before = functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]

    def renew() -> None:
        another = {"Variables": {**usual["Variables"], "RENEWED": secrets.token_hex(4)}}
        functions.update_function_configuration(FunctionName=name, Environment=another)
        version = functions.publish_version(FunctionName=name)["Version"]
        functions.update_alias(FunctionName=name, Name="live", FunctionVersion=version)

    try:
        yield renew
    finally:
        functions.update_function_configuration(FunctionName=name, Environment=usual)
        functions.update_alias(FunctionName=name, Name="live", FunctionVersion=before)


@contextmanager
def sns_down(system: Config, stack: dict[str, Any]) -> Iterator[None]:
    outage = SmsOutage(system, function_of(stack))
    outage.begin()
    try:
        yield
    finally:
        outage.end()


def hold(system: Config, stack: dict[str, Any], slots: list[str]) -> list[Person]:
    """As many new patients as slots, each of whom waits for a code."""
    people = identity.sign_in(system, [identity.anybody("patient") for _ in slots])
    for person, slot in zip(people, slots, strict=True):
        patient = Patient(stack["api_url"], system, person.token, person.phone)
        assert patient.hold(slot, None, channel="sms").status == 202
    return people


def codes_at(system: Config, address: str) -> list[str]:
    found = [re.search(r"\b\d{6}\b", one["text"]) for one in messages(system, address)]
    return [one[0] for one in found if one]


def status(stack: dict[str, Any]) -> dict[str, Any]:
    done = ops(stack, "providers", "status", "--json")
    assert done.stderr == ""
    told: dict[str, Any] = json.loads(done.stdout)
    failing = [one for one in told["providers"].values() if one["state"] != "closed"]
    assert done.returncode == (1 if failing else 0)
    return told


@pytest.fixture(autouse=True)
def breaker(deployed_redis: Redis) -> Iterator[str]:
    """The key of SNS's breaker; nothing is known of any provider before and after."""
    keys = Keys(ENVIRONMENT)
    for name in ("sns", "ses"):
        deployed_redis.delete(keys.provider(name))
    yield keys.provider("sns")
    for name in ("sns", "ses"):
        deployed_redis.delete(keys.provider(name))


def test_codes_come_by_email_while_sns_is_down_and_by_sms_once_it_is_back(
    system: Config,
    stack: dict[str, Any],
    next_slot: NextSlot,
    deployed_redis: Redis,
    breaker: str,
) -> None:
    assert status(stack)["providers"]["sns"]["state"] == "closed"

    with sns_down(system, stack):
        slots = [next_slot() for _ in range(BreakerRules().failures + 1)]
        people = hold(system, stack, slots)
        eventually(lambda: all(codes_at(system, one.email) for one in people), 40)
        told = status(stack)

    assert [codes_at(system, one.phone) for one in people] == [[]] * len(people)
    assert (told["sms"], told["fallbackToEmail"]) == ("sns", True)
    assert told["providers"]["sns"]["state"] in {"open", "half_open"}
    assert told["providers"]["sns"]["since"]
    assert told["providers"]["ses"]["state"] == "closed"
    # It has rested: half a minute need not pass here.
    deployed_redis.hset(breaker, mapping={"restsUntil": 1, "triedUntil": 1})

    [back] = hold(system, stack, [next_slot()])
    eventually(lambda: bool(codes_at(system, back.phone)))

    eventually(lambda: status(stack)["providers"]["sns"]["state"] == "closed")
    assert codes_at(system, back.email) == []


def test_sms_are_switched_off_and_on_while_the_system_runs(
    system: Config, stack: dict[str, Any], next_slot: NextSlot
) -> None:
    why = ("--reason", "a test")
    with renewed(system, stack) as renew:
        switched = ops(stack, "providers", "switch", "sms", "--to", "none", *why)
        try:
            told = json.loads(ops(stack, "providers", "status", "--json").stdout)
            # A sender goes by what it read for ten seconds; a new one reads.
            renew()
            [off] = hold(system, stack, [next_slot()])
            eventually(lambda: bool(codes_at(system, off.email)))
        finally:
            back = ops(stack, "providers", "switch", "sms", "--to", "deployed", *why)
            renew()

    assert (switched.returncode, back.returncode) == (0, 0), switched.stderr + back.stderr
    assert (told["sms"], told["fallbackToEmail"]) == ("none", True)
    assert told["queue"]["waiting"] is not None
    assert codes_at(system, off.phone) == []
