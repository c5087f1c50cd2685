"""A release that is broken, on the deployed stack, and the one command that takes it back."""

from __future__ import annotations

import json
from typing import Any

from local import aws
from local.config import STACK, Config
from local.rollback_drill import BROKEN, FUNCTION, drill
from ops.queues import EMULATOR, Account
from ops.release import functions_of
from slotkeeper import readiness


def test_a_broken_release_is_taken_back_while_others_book(
    system: Config, stack: dict[str, Any]
) -> None:
    functions = aws.client(system, "lambda")
    before = functions.get_alias(FunctionName=FUNCTION, Name="live")["FunctionVersion"]

    seen = drill(system)

    assert seen.while_broken >= 500
    assert seen.confirmed_while_broken == 201
    assert seen.after == 202
    assert set(seen.lists) == {200}
    assert seen.passed
    alias = functions.get_alias(FunctionName=FUNCTION, Name="live")
    assert alias["FunctionVersion"] == before
    assert BROKEN in alias["Description"]


def test_every_function_serves_the_release_that_was_deployed(
    system: Config, stack: dict[str, Any]
) -> None:
    options = {"endpoint_url": system.aws_endpoint, "region_name": stack["region"], **EMULATOR}
    account = Account(STACK, options)

    serving = functions_of(account, account.client("lambda"))

    [release] = {one.release for one in serving}
    assert len(release) == 10
    assert {one.name for one in serving} == set(stack["functions"].values())


def test_a_published_version_says_that_it_reaches_its_stores(
    system: Config, stack: dict[str, Any]
) -> None:
    functions = aws.client(system, "lambda")
    name = stack["functions"]["cancel"]
    version = functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    needs = ["mongodb", "redis"]

    answer = functions.invoke(
        FunctionName=name, Qualifier=version, Payload=_json(readiness.question(needs))
    )

    assert "FunctionError" not in answer
    assert readiness.is_ready(_read(answer), needs)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _read(answer: Any) -> Any:  # Any: what Lambda answered
    return json.loads(answer["Payload"].read())
