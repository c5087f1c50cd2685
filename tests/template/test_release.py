"""What is called is the alias, and how it comes to be another version; environments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slotkeeper.services.check_release import needs_of
from tests.support import aws_calls, translated
from tests.support.filled import Filled
from tests.support.translated import Node
from tests.template.test_template import FUNCTIONS, TEMPLATE, folder_of, walk

HOOK = "CheckReleaseFunction"
RELEASED = [name for name in FUNCTIONS if name != HOOK]
CANARY: dict[str, Node] = translated.template("CanaryEnabled=true", "Release=0123456789")[
    "Resources"
]
PROPERTIES = {name: resource.get("Properties", {}) for name, resource in CANARY.items()}


def called(resource: str, properties: Node) -> list[Any]:
    """What of functions the resource calls, or lets be called."""
    match translated.resources()[resource]["Type"]:
        case "AWS::Lambda::Permission" | "AWS::Lambda::EventSourceMapping":
            return [properties["FunctionName"]]
        case "AWS::Scheduler::Schedule":
            return [properties["Target"]["Arn"]]
        case "AWS::SecretsManager::RotationSchedule":
            return [properties["RotationLambdaARN"]]
        case "AWS::ApiGateway::RestApi":
            return [node["uri"] for node in walk(properties["Body"]) if "uri" in _keys(node)] + [
                node["authorizerUri"] for node in walk(properties) if "authorizerUri" in _keys(node)
            ]
    return []


def _keys(node: Any) -> set[str]:
    return set(node) if isinstance(node, dict) else set()


CALLS = [
    (name, one)
    for name, resource in translated.resources().items()
    for one in called(name, resource.get("Properties", {}))
]


# --- the alias ------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_has_an_alias_of_its_newest_version(function: str) -> None:
    alias = translated.resources()[f"{function}Aliaslive"]["Properties"]
    [version, attribute] = alias["FunctionVersion"]["Fn::GetAtt"]

    assert attribute == "Version"
    assert translated.resources()[version]["DeletionPolicy"] == "Retain"
    assert translated.resources()[version]["Properties"]["FunctionName"] == {"Ref": function}


def test_there_is_something_that_calls_in_every_way() -> None:
    kinds = {translated.resources()[name]["Type"].rpartition("::")[2] for name, _ in CALLS}

    assert kinds == {
        *("Permission", "EventSourceMapping", "Schedule", "RotationSchedule", "RestApi"),
    }


@pytest.mark.parametrize(
    ("name", "one"), CALLS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(CALLS)]
)
def test_whatever_calls_a_function_calls_its_alias(name: str, one: Any) -> None:
    text = json.dumps(one)

    assert "Aliaslive" in text or "Function}:live" in text


def test_relay_is_woken_by_its_alias_and_that_alone_is_allowed() -> None:
    alias = {"Ref": "RelayOutboxFunctionAliaslive"}
    wakes = [
        name
        for name, function in translated.of_type("AWS::Lambda::Function").items()
        if "RELAY_FUNCTION_NAME" in function["Environment"]["Variables"]
    ]

    assert wakes
    for name in wakes:
        function = translated.of_type("AWS::Lambda::Function")[name]
        assert function["Environment"]["Variables"]["RELAY_FUNCTION_NAME"] == alias
        [statement] = [
            statement
            for statement in translated.granted_to(name)
            if statement["Action"] == "lambda:InvokeFunction"
        ]
        assert statement["Resource"] == alias


def test_what_becomes_of_failed_runs_is_said_of_the_alias() -> None:
    configs = translated.of_type("AWS::Lambda::EventInvokeConfig")

    assert len(configs) == 4
    assert {config["Qualifier"] for config in configs.values()} == {"live"}


def test_gateway_may_call_the_authorizer_by_one_permission_that_waits_for_the_alias() -> None:
    permissions = [
        permission
        for permission in translated.of_type("AWS::Lambda::Permission").values()
        if "/authorizers/" in json.dumps(permission.get("SourceArn", ""))
    ]

    assert [one["FunctionName"] for one in permissions] == [{"Ref": "AuthorizeFunctionAliaslive"}]


# --- versions -------------------------------------------------------------------------------------


def versions(*given: str) -> set[str]:
    made = translated.template(*given)["Resources"]
    return {name for name, one in made.items() if one["Type"] == "AWS::Lambda::Version"}


def test_another_release_publishes_every_function() -> None:
    before, after = versions("Release=0123456789"), versions("Release=abcdef0123")

    assert len(before) == len(after) == len(FUNCTIONS)
    assert before & after == set()


def test_the_same_release_publishes_nothing() -> None:
    assert versions("Release=0123456789") == versions("Release=0123456789", "LogLevel=DEBUG")


def test_a_version_says_which_release_it_is_of() -> None:
    for name in FUNCTIONS:
        assert PROPERTIES[name]["Description"].endswith(" 0123456789")


def test_without_a_name_a_changed_layer_still_publishes() -> None:
    for layer in ("CommonLayer", "AuthLayer", "WebLayer"):
        assert TEMPLATE["Resources"][layer]["Properties"]["PublishLambdaVersion"] is True
    for function in FUNCTIONS.values():
        assert function["AutoPublishAliasAllProperties"] is True


# --- canary ---------------------------------------------------------------------------------------


def test_nothing_of_codedeploy_is_there_unless_it_is_asked_for() -> None:
    there = Filled(Environment="local").resources
    own_alarms = {f"{function.removesuffix('Function')}ErrorsAlarm" for function in RELEASED}

    assert not [one for one in there.values() if one["Type"].startswith("AWS::CodeDeploy")]
    assert not set(there) & {*own_alarms, "CanaryFaultsAlarm", "CanaryRole"}


def in_a_canary(value: Node) -> Node:
    """The value on the condition that CodeDeploy's things are there on; cfn-lint asks for it."""
    return {"Fn::If": ["IsCanary", value, translated.NO_VALUE]}


@pytest.mark.parametrize("function", RELEASED)
def test_every_function_is_shifted_with_a_check_and_alarms(function: str) -> None:
    own = f"{function.removesuffix('Function')}ErrorsAlarm"
    policy = CANARY[f"{function}Aliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    group = PROPERTIES[policy["DeploymentGroupName"]["Ref"]]

    assert policy["BeforeAllowTrafficHook"] == {"Ref": HOOK}
    assert group["AlarmConfiguration"]["Enabled"] is True
    named = [alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]]
    assert named == [in_a_canary({"Ref": "CanaryFaultsAlarm"}), in_a_canary({"Ref": own})]
    assert group["AutoRollbackConfiguration"]["Enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert "Canary10Percent5Minutes" in json.dumps(group["DeploymentConfigName"])
    assert group["ServiceRoleArn"]["Fn::If"][:2] == [
        "IsCanary",
        {"Fn::GetAtt": ["CanaryRole", "Arn"]},
    ]


@pytest.mark.parametrize("function", RELEASED)
def test_alarm_is_of_the_new_version_alone(function: str) -> None:
    alarm = PROPERTIES[f"{function.removesuffix('Function')}ErrorsAlarm"]

    assert {one["Name"]: one["Value"] for one in alarm["Dimensions"]} == {
        "FunctionName": {"Ref": function},
        "Resource": {"Fn::Sub": "${" + function + "}:live"},
        "ExecutedVersion": {"Fn::GetAtt": [f"{function}Version0123456789", "Version"]},
    }
    assert CANARY[f"{function.removesuffix('Function')}ErrorsAlarm"]["Condition"] == "IsCanary"


def test_the_check_itself_is_not_checked() -> None:
    assert "UpdatePolicy" not in CANARY[f"{HOOK}Aliaslive"]


def test_how_it_is_shifted_is_a_parameter() -> None:
    made = translated.template("CanaryEnabled=true", "CanaryType=Linear10PercentEvery1Minute")

    assert "Linear10PercentEvery1Minute" in json.dumps(
        made["Resources"]["HoldSlotFunctionDeploymentGroup"]
    )


def test_codedeploy_may_move_this_stacks_aliases_and_no_other() -> None:
    [statement] = [
        statement
        for name, kind, statement in translated.policies()
        if (name, kind) == ("CanaryRole", "granted") and "lambda:UpdateAlias" in statement["Action"]
    ]

    assert statement["Resource"]["Fn::Sub"].endswith(":function:${AWS::StackName}-*")


# --- the check ------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", RELEASED)
def test_a_version_is_asked_for_the_stores_that_its_code_uses(function: str) -> None:
    folder = folder_of(FUNCTIONS[function])
    used = aws_calls.factories_of(folder)

    needs = set(needs_of("slotkeeper-prod-" + folder.replace("_", "-")))

    if function == "AuthorizeFunction":
        assert needs == {"redis"}
        assert "redis" in used
        assert "database" not in used
    else:
        assert bool(needs) == bool(used & {"database", "redis"})


# --- snapshots ------------------------------------------------------------------------------------


def test_snapshots_are_off_unless_asked_for_and_need_a_runtime_that_has_them() -> None:
    needed = {"Environment": "local", "MongoUri": "x", "RedisUrl": "x"}

    assert all(
        function["SnapStart"] == {"ApplyOn": {"Ref": "SnapStart"}}
        for function in translated.of_type("AWS::Lambda::Function").values()
    )
    assert TEMPLATE["Parameters"]["SnapStart"]["Default"] == "None"
    assert Filled(SnapStart="PublishedVersions", PyRuntime="python3.13", **needed).is_allowed
    assert not Filled(SnapStart="PublishedVersions", PyRuntime="python3.11", **needed).is_allowed
