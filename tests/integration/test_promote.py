"""A region that stands by takes over when everything it needs is there, and not before."""

from __future__ import annotations

import argparse
import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops import demote, promote
from ops.__main__ import Command
from ops.recovery.stacks import Stack
from ops.stores import OpsError
from tests.support.house import House
from tests.support.planted import Scene

STACK = "slotkeeper-standby"
FUNCTIONS = [f"{STACK}-{name}" for name in ("cancel", "hold-slot", "verify-otp")]


def refused(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Asked")


class Cloud:
    """An account with that stack and its secrets, as their clients see it: both at once."""

    stack = STACK

    def __init__(self, standby: str | None = "true", **parameters: str):
        self.parameters = {"Kept": "as it was", "PaymentProvider": "none", **parameters}
        if standby is not None:
            self.parameters["Standby"] = standby
        self.secrets = {f"{STACK}/stores", f"{STACK}/otp-keys"}
        self.status = "CREATE_COMPLETE"
        self.versions = {name: [self.parameters.get("Standby")] for name in FUNCTIONS}
        """What each version of a function, from 1 on, was published with."""
        self.live = dict.fromkeys(FUNCTIONS, "1")
        self.moved: list[str] = []
        self.exceptions = SimpleNamespace(ResourceNotFoundException=KeyError)

    def client(self, _service: str) -> Any:
        return self

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803  # the API's names
        assert StackName == STACK
        known = [{"ParameterKey": k, "ParameterValue": v} for k, v in self.parameters.items()]
        return {"Stacks": [{"StackStatus": self.status, "Parameters": known}]}

    def update_stack(
        self,
        *,
        StackName: str,  # noqa: N803
        UsePreviousTemplate: bool,  # noqa: N803
        Parameters: list[dict[str, Any]],  # noqa: N803
        Capabilities: list[str],  # noqa: N803
    ) -> None:
        assert (StackName, UsePreviousTemplate) == (STACK, True)
        assert "CAPABILITY_AUTO_EXPAND" in Capabilities  # a SAM template's
        # What is named by nobody falls back to its default, and what is unknown is refused.
        assert {one["ParameterKey"] for one in Parameters} == set(self.parameters)
        before = dict(self.parameters)
        for one in Parameters:
            if not one.get("UsePreviousValue"):
                self.parameters[one["ParameterKey"]] = one["ParameterValue"]
        if self.parameters == before:
            raise refused("ValidationError", "No updates are to be performed.")
        self.status = "UPDATE_COMPLETE"

    def serving(self) -> set[str | None]:
        return {self.versions[name][int(self.live[name]) - 1] for name in FUNCTIONS}

    def get_paginator(self, what: str) -> Any:
        def pages(FunctionName: str = "") -> list[dict[str, Any]]:  # noqa: N803
            if what == "list_functions":
                return [{"Functions": [{"FunctionName": name} for name in FUNCTIONS]}]
            told = [
                {
                    "Version": str(number),
                    "Description": "",
                    "Environment": {"Variables": {"STANDBY": standby}},
                }
                for number, standby in enumerate(self.versions[FunctionName], 1)
            ]
            return [{"Versions": told}]

        return SimpleNamespace(paginate=pages)

    def get_alias(self, *, FunctionName: str, Name: str) -> dict[str, Any]:  # noqa: N803
        return {"Name": Name, "FunctionVersion": self.live[FunctionName]}

    def publish_version(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        self.versions[FunctionName].append(self.parameters.get("Standby"))
        return {"Version": str(len(self.versions[FunctionName]))}

    def get_waiter(self, _: str) -> Any:
        return SimpleNamespace(wait=lambda **_: None)

    def update_alias(self, *, FunctionName: str, FunctionVersion: str, **_: object) -> None:  # noqa: N803
        self.live[FunctionName] = FunctionVersion
        self.moved.append(FunctionName)

    def describe_secret(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803
        if SecretId not in self.secrets:
            raise refused("ResourceNotFoundException")
        return {"Name": SecretId}


def promoted(cloud: Cloud, house: House, *arguments: str) -> int:
    parsed = arguments_of(promote, "--mongo-uri", "unused", *arguments)
    return promote.carry_out(cloud, house.database, parsed)  # type: ignore[arg-type]  # stands for an account


def demoted(cloud: Cloud, *arguments: str) -> int:
    return demote.carry_out(cloud, arguments_of(demote, *arguments))  # type: ignore[arg-type]  # the same


def arguments_of(command: Command, *arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(["--stack-name", STACK, *arguments])


@pytest.fixture
def scene(house: House) -> Scene:
    return Scene.of(house)


def test_it_is_promoted_and_nothing_else_of_its_stack_changes(
    house: House, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = Cloud()

    assert promoted(cloud, house) == 0

    assert (cloud.parameters["Standby"], cloud.parameters["Kept"]) == ("false", "as it was")
    assert "by hand: point the API's DNS name" in capsys.readouterr().out
    kept = list(house.database["drills"].find(sort=[("at", 1)]))
    assert [(one["kind"], one["outcome"]) for one in kept] == [
        ("promote", "begun"),
        ("promote", "passed"),
    ]


def test_what_serves_is_published_with_it_and_who_asks_for_codes_comes_last(
    house: House, scene: Scene
) -> None:
    cloud = Cloud()

    assert promoted(cloud, house) == 0
    assert (cloud.serving(), cloud.moved[-1]) == ({"false"}, f"{STACK}-hold-slot")

    cloud.moved.clear()
    assert demoted(cloud) == 0
    assert (cloud.serving(), cloud.moved[0]) == ({"true"}, f"{STACK}-hold-slot")


def test_who_was_cut_off_before_all_served_goes_on_there(house: House, scene: Scene) -> None:
    cloud = Cloud()
    assert promoted(cloud, house) == 0
    cloud.live[FUNCTIONS[0]] = "1"
    cloud.moved.clear()

    assert promoted(cloud, house, "--despite") == 0

    assert (cloud.serving(), cloud.moved) == ({"false"}, [FUNCTIONS[0]])


def test_what_aws_refuses_to_publish_is_told_and_made_good_by_the_next_run(
    house: House, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = Cloud()

    def no(**_: object) -> None:
        raise refused("CodeStorageExceededException")

    with monkeypatch.context() as without:
        without.setattr(cloud, "publish_version", no)
        with pytest.raises(OpsError, match="AWS refuses: CodeStorageExceededException"):
            promoted(cloud, house)
    assert (cloud.parameters["Standby"], cloud.serving()) == ("false", {"true"})

    assert promoted(cloud, house, "--despite") == 0

    assert cloud.serving() == {"false"}


def test_a_dry_run_says_what_speaks_against_it_and_changes_nothing(
    house: House, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = Cloud(PaymentProvider="stripe")

    assert promoted(cloud, house, "--dry-run", "--json") == 1

    told = json.loads(capsys.readouterr().out)
    against = [one["told"] for one in told["findings"] if not one["isSo"]]
    assert against == [f"{STACK}/payment is not there"]
    assert cloud.parameters["Standby"] == "true"
    assert house.database["drills"].count_documents({}) == 0


@pytest.mark.parametrize(("despite", "mode"), [((), "true"), (("--despite",), "false")])
def test_a_violation_speaks_against_it_unless_it_is_to_go_on(
    house: House, scene: Scene, despite: tuple[str, ...], mode: str
) -> None:
    cloud = Cloud()
    scene.delete("bookings", scene.booking.id)

    assert promoted(cloud, house, *despite) == (0 if despite else 1)

    assert cloud.parameters["Standby"] == mode


def test_the_wrong_database_is_noticed(house: House) -> None:
    cloud = Cloud()

    assert promoted(cloud, house) == 1
    assert cloud.parameters["Standby"] == "true"


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"])
def test_a_stack_that_cannot_be_updated_is_not_promoted(
    house: House, scene: Scene, status: str
) -> None:
    cloud = Cloud()
    cloud.status = status

    assert promoted(cloud, house) == 1


def test_a_stack_that_is_active_already_is_not_promoted(house: House, scene: Scene) -> None:
    assert promoted(Cloud(standby="false"), house) == 1


def test_a_stack_of_a_version_without_it_is_refused() -> None:
    with pytest.raises(OpsError, match="deploy this version first"):
        demoted(Cloud(standby=None))


def test_it_is_demoted_and_that_again_is_harmless() -> None:
    cloud = Cloud(standby="false")

    assert (demoted(cloud, "--dry-run"), cloud.parameters["Standby"]) == (0, "false")
    assert (demoted(cloud), cloud.parameters["Standby"]) == (0, "true")
    assert (demoted(cloud), cloud.parameters["Standby"]) == (0, "true")


class Slow(Cloud):
    """CloudFormation that takes its time: these are the states it tells, one by one."""

    def __init__(self, *states: str):
        super().__init__()
        self._states = ["UPDATE_COMPLETE", *states]

    def update_stack(self, **_: object) -> None:
        pass

    def describe_stacks(self, **_: object) -> dict[str, Any]:
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        known = [{"ParameterKey": "Standby", "ParameterValue": "true"}]
        return {"Stacks": [{"StackStatus": state, "Parameters": known}]}


def test_it_waits_until_the_update_is_done_and_says_how_far_it_is() -> None:
    waits: list[float] = []
    said: list[str] = []
    stack = Stack(
        Slow("UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"),  # type: ignore[arg-type]  # stands for an account
        wait=waits.append,
        say=said.append,
    )

    stack.update(standby=False)

    assert len(waits) == 2
    assert said == [
        f"{STACK}: UPDATE_IN_PROGRESS, after 0 s",
        f"{STACK}: UPDATE_COMPLETE, after 10 s",
        f"{STACK}: 3 functions serve with Standby=false from now on",
    ]


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"), "ended as UPDATE_ROLLBACK_COMPLETE"),
        (("UPDATE_IN_PROGRESS",), "takes too long"),
    ],
)
def test_an_update_that_fails_or_never_ends_is_told(states: tuple[str, ...], told: str) -> None:
    stack = Stack(Slow(*states), wait=lambda _: None, say=lambda _: None)  # type: ignore[arg-type]  # stands for an account

    with pytest.raises(OpsError, match=told):
        stack.update(standby=False)
