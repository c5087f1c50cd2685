"""What template.yaml and samconfig.toml promise, read as data."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from slotkeeper.adapters.mongo.sagas import SAGA_LEASE
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.contracts.problems import problem
from slotkeeper.domain import errors
from slotkeeper.domain.errors import AppointmentError
from slotkeeper.entrypoints.operation import STATUS
from slotkeeper.settings import Settings
from tests.support.routes import operations_of, pages_of

ROOT = Path(__file__).parents[2]
Node = dict[str, Any]  # Any: a template is free YAML
SETTINGS = {field.encode_name: field for field in msgspec.structs.fields(Settings)}
"""By their variables."""

FUNCTION = "AWS::Serverless::Function"
LOG_GROUP = "AWS::Logs::LogGroup"
QUEUE = "AWS::SQS::Queue"


class _Loader(yaml.SafeLoader):
    """YAML whose tags are CloudFormation's: `!Ref x` is {"Ref": "x"}, `!Sub x` {"Fn::Sub": "x"}."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Node:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            assert isinstance(node, yaml.MappingNode)
            value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".")
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tag)

TEMPLATE: Node = yaml.load((ROOT / "template.yaml").read_text(), Loader=_Loader)  # noqa: S506  # a SafeLoader
RESOURCES: Node = TEMPLATE["Resources"]
GLOBALS: Node = TEMPLATE["Globals"]["Function"]
SAMCONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text())
FOLDERS = sorted(folder.parent.name for folder in ROOT.glob("functions/*/app.py"))


def of_type(type_: str) -> dict[str, Node]:
    return {
        name: resource.get("Properties", {})
        for name, resource in RESOURCES.items()
        if resource["Type"] == type_
    }


FUNCTIONS = of_type(FUNCTION)
QUEUES = of_type(QUEUE)


def handler_of(function: Node) -> str:
    return str(function.get("Handler", GLOBALS["Handler"]))


def timeout_of(function: Node) -> int:
    return int(function["Timeout"] if "Timeout" in function else GLOBALS["Timeout"])


def folder_of(function: Node) -> str:
    return str(function["CodeUri"]).removeprefix("functions/").rstrip("/")


def events_of(function: Node, *types: str) -> list[Node]:
    found = function.get("Events", {}).values()
    return [event["Properties"] for event in found if event["Type"] in types]


def routes() -> Iterator[tuple[str, str, str]]:
    """Folder, method and path of every HTTP event."""
    for function in FUNCTIONS.values():
        for event in events_of(function, "Api", "HttpApi"):
            yield folder_of(function), event["Method"], event["Path"]


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def walk(node: Any) -> Iterator[Any]:
    """This node and all within it."""
    yield node
    if isinstance(node, Mapping):
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def names_referred_to() -> set[str]:
    """Everything that a Ref, GetAtt, Sub or Condition in the template names."""
    names = set()
    parts = ("Conditions", "Globals", "Resources", "Outputs")
    for node in walk({name: TEMPLATE[name] for name in parts}):
        if not isinstance(node, Mapping):
            continue
        if "Ref" in node:
            names.add(node["Ref"].partition(".")[0])
        if "Fn::GetAtt" in node:
            names.add(node["Fn::GetAtt"][0])
        text, own = (many(node.get("Fn::Sub", "")) + [{}])[:2]
        found = {name.partition(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", text)}
        names |= found - set(own)
    return names


# --- functions ------------------------------------------------------------------------------------


def test_every_folder_is_one_function() -> None:
    assert sorted(folder_of(function) for function in FUNCTIONS.values()) == FOLDERS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_is_named_after_its_folder(name: str) -> None:
    folder = folder_of(FUNCTIONS[name])

    assert name == "".join(word.title() for word in folder.split("_")) + "Function"
    assert FUNCTIONS[name]["FunctionName"] == {
        "Fn::Sub": "${AWS::StackName}-" + folder.replace("_", "-")
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_handler_is_in_its_folder(name: str) -> None:
    module, _, attribute = handler_of(FUNCTIONS[name]).partition(".")

    source = (ROOT / "functions" / folder_of(FUNCTIONS[name]) / f"{module}.py").read_text()

    assert re.search(rf"^def {attribute}\(event: .*, context: .*\)", source, re.MULTILINE)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_has_a_log_group_with_retention(name: str) -> None:
    group = name.removesuffix("Function") + "LogGroup"

    assert FUNCTIONS[name]["LoggingConfig"]["LogGroup"] == {"Ref": group}
    assert of_type(LOG_GROUP)[group]["RetentionInDays"]


def test_logs_are_json() -> None:
    assert GLOBALS["LoggingConfig"]["LogFormat"] == "JSON"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_has_a_timeout_within_its_triggers(name: str) -> None:
    function = FUNCTIONS[name]

    timeout = timeout_of(function)

    if events_of(function, "Api"):
        assert timeout <= 29  # the gateway waits no longer
    if events_of(function, "ScheduleV2"):
        assert timeout < 60  # over before the next minute's begins


def test_every_function_has_the_common_layer() -> None:
    assert GLOBALS["Layers"][0] == {"Ref": "CommonLayer"}
    # And AWS's own, where the stores are in a secret; what traces, where that is on.
    assert [named["Fn::If"][:2] for named in GLOBALS["Layers"][1:]] == [
        ["StoresInSecret", {"Ref": "SecretsExtensionLayer"}],
        ["Traces", {"Ref": "TracingLayer"}],
        ["TracesByLayer", {"Ref": "TracingCollectorLayer"}],
    ]


def test_only_the_authorizer_has_the_layer_with_cryptography() -> None:
    with_it = {
        name
        for name, function in FUNCTIONS.items()
        if {"Ref": "AuthLayer"} in many(function.get("Layers", []))
    }

    assert with_it == {"AuthorizeFunction"}


def test_only_the_pages_have_the_layer_they_are_served_by() -> None:
    with_it = {
        name
        for name, function in FUNCTIONS.items()
        if {"Ref": "WebLayer"} in many(function.get("Layers", []))
    }

    assert with_it == {"WebFunction"}


# --- HTTP -----------------------------------------------------------------------------------------


def routes_in_code() -> set[tuple[str, str, str]]:
    operations = {(f, one.method, one.path) for f in FOLDERS for one in operations_of(f)}
    return operations | {(f, method, path) for f in FOLDERS for method, path in pages_of(f)}


def test_every_route_of_a_handler_is_in_the_template_and_the_other_way_round() -> None:
    assert set(routes()) == routes_in_code()


def test_no_route_is_two_functions() -> None:
    found = [(method, path) for _, method, path in routes()]

    assert len(found) == len(set(found))


def test_every_route_names_its_method() -> None:
    methods = {method.upper() for _, method, _ in routes()}

    assert methods <= {"GET", "POST", "PUT", "PATCH", "DELETE"}


def test_a_variable_has_one_name_at_its_place_in_the_path() -> None:
    names: dict[str, set[str]] = {}
    for _, _, path in routes():
        parts = path.strip("/").split("/")
        for place, part in enumerate(parts):
            if part.startswith("{"):
                names.setdefault("/".join(parts[:place]), set()).add(part)

    assert {before: found for before, found in names.items() if len(found) > 1} == {}


def test_every_route_but_health_and_the_pages_needs_the_authorizer() -> None:
    auth = RESOURCES["Api"]["Properties"]["Auth"]
    open_ = {
        event["Path"]
        for function in FUNCTIONS.values()
        for event in events_of(function, "Api")
        if event.get("Auth", {}).get("Authorizer") == "NONE"
    }

    assert auth["DefaultAuthorizer"] in auth["Authorizers"]
    assert open_ == {"/health", "/", "/docs", "/assets/{proxy+}"}


def test_only_the_authorizer_knows_the_rate_limits() -> None:
    with_them = {
        name
        for name, function in FUNCTIONS.items()
        if any(
            variable.startswith("RATE_LIMIT_")
            for variable in function.get("Environment", {}).get("Variables", {})
        )
    }

    assert with_them == {"AuthorizeFunction"}
    assert not [name for name in GLOBALS["Environment"]["Variables"] if "RATE_LIMIT" in name]


def test_authorizers_answer_is_not_cached() -> None:
    [authorizer] = RESOURCES["Api"]["Properties"]["Auth"]["Authorizers"].values()

    assert authorizer["FunctionPayloadType"] == "REQUEST"
    assert authorizer["Identity"]["ReauthorizeEvery"] == 0


def test_an_authorizers_answer_that_is_ever_cached_is_cached_by_token_method_and_path() -> None:
    """What it says is for one method and one request (ADR 0003): a TTL alone would be a hole."""
    for authorizer in RESOURCES["Api"]["Properties"]["Auth"]["Authorizers"].values():
        assert not cache_faults(authorizer["Identity"])


def cache_faults(identity: Node) -> set[str]:
    """What the cache's key lacks; without `ReauthorizeEvery` API Gateway keeps answers 300 s."""
    if identity.get("ReauthorizeEvery", 300) == 0:
        return set()
    headers = {name.lower() for name in identity.get("Headers", [])}
    lacks = {"authorization"} - headers
    return lacks | ({"httpMethod", "path"} - set(identity.get("Context", [])))


@pytest.mark.parametrize(
    ("identity", "lacks"),
    [
        ({"ReauthorizeEvery": 0}, set()),
        ({}, {"authorization", "httpMethod", "path"}),
        ({"ReauthorizeEvery": 60, "Headers": ["Authorization"]}, {"httpMethod", "path"}),
        (
            {"Headers": ["Authorization"], "Context": ["resourcePath", "httpMethod"]},
            {"path"},
        ),
        (
            {
                "ReauthorizeEvery": 300,
                "Headers": ["Authorization"],
                "Context": ["path", "httpMethod"],
            },
            set(),
        ),
    ],
)
def test_a_cache_key_that_lets_one_route_answer_for_another_is_a_fault(
    identity: Node, lacks: set[str]
) -> None:
    assert cache_faults(identity) == lacks


GATEWAY_RESPONSES: Node = RESOURCES["Api"]["Properties"]["GatewayResponses"]
BY_CODE: dict[str, type[AppointmentError]] = {error.code: error for error in STATUS}


@pytest.mark.parametrize("name", GATEWAY_RESPONSES)
def test_what_the_gateway_refuses_is_the_same_problem_as_ours(name: str) -> None:
    response = GATEWAY_RESPONSES[name]

    document = json.loads(response["ResponseTemplates"]["application/json"])

    error = BY_CODE[document["code"]]
    assert document == problem(
        status=STATUS[error],
        code=error.code,
        detail=error.detail,
        request_id="$context.requestId",
        more={},
    )
    assert response["StatusCode"] == document["status"]


@pytest.mark.parametrize("name", GATEWAY_RESPONSES)
def test_what_the_gateway_refuses_has_the_headers_of_a_problem(name: str) -> None:
    response = GATEWAY_RESPONSES[name]
    headers = response["ResponseParameters"]["Headers"]

    assert headers["Content-Type"] == "'application/problem+json'"
    assert headers["X-Request-Id"] == "context.requestId"
    if response["StatusCode"] in {429, 503}:
        assert re.fullmatch(r"'[1-9]\d*'", headers["Retry-After"])


def test_gateway_asks_for_as_much_patience_as_we_do() -> None:
    headers = GATEWAY_RESPONSES["DEFAULT_5XX"]["ResponseParameters"]["Headers"]

    assert headers["Retry-After"] == f"'{errors.Unavailable.retry_after_seconds}'"


# --- queues, schedules ----------------------------------------------------------------------------


def consumers() -> list[tuple[str, Node, Node]]:
    """Queue, function and event of everything that reads a queue."""
    return [
        (event["Queue"]["Fn::GetAtt"][0], function, event)
        for function in FUNCTIONS.values()
        for event in events_of(function, "SQS")
    ]


def test_there_is_a_consumer() -> None:
    assert [queue for queue, _, _ in consumers()] == ["NotificationQueue"]


@pytest.mark.parametrize(("queue", "function", "event"), consumers())
def test_message_is_hidden_for_six_times_its_consumers_timeout(
    queue: str, function: Node, event: Node
) -> None:
    assert QUEUES[queue]["VisibilityTimeout"] >= 6 * timeout_of(function)


@pytest.mark.parametrize(("queue", "function", "event"), consumers())
def test_message_that_keeps_failing_is_set_aside(queue: str, function: Node, event: Node) -> None:
    redrive = QUEUES[queue]["RedrivePolicy"]
    [aside, _] = redrive["deadLetterTargetArn"]["Fn::GetAtt"]

    assert 3 <= redrive["maxReceiveCount"] <= 10
    assert QUEUES[aside]["MessageRetentionPeriod"] > QUEUES[queue]["MessageRetentionPeriod"]


@pytest.mark.parametrize(("queue", "function", "event"), consumers())
def test_consumer_answers_each_message_by_itself(queue: str, function: Node, event: Node) -> None:
    assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize(
    "folder", ["expire_locks", "relay_outbox", "settle_payments", "seal_audit"]
)
def test_sweep_runs_every_minute_and_what_fails_is_set_aside(folder: str) -> None:
    [function] = [found for found in FUNCTIONS.values() if folder_of(found) == folder]
    [schedule] = events_of(function, "ScheduleV2")

    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    [aside, _] = schedule["DeadLetterConfig"]["Arn"]["Fn::GetAtt"]
    assert aside in QUEUES


def test_what_moves_money_ends_before_its_lease() -> None:
    assert timeout_of(FUNCTIONS["VerifyOtpFunction"]) < SAGA_LEASE.total_seconds()


# --- settings and parameters ----------------------------------------------------------------------


def variables() -> set[str]:
    return {
        name
        for owner in (GLOBALS, *FUNCTIONS.values())
        for name in owner.get("Environment", {}).get("Variables", {})
    }


GIVEN_BY_AWS = {
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    *("AWS_REGION", "AWS_DEFAULT_REGION"),
    "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT",
}


def test_every_variable_is_a_setting() -> None:
    settings = set(SETTINGS) - GIVEN_BY_AWS

    of_libraries = ("POWERTOOLS_", "PYDANTIC_")

    assert {name for name in variables() if not name.startswith(of_libraries)} == settings


def test_every_parameter_is_used() -> None:
    assert set(TEMPLATE["Parameters"]) - names_referred_to() == set()


def test_every_name_referred_to_is_there() -> None:
    known = {*TEMPLATE["Parameters"], *RESOURCES}
    unknown = {name for name in names_referred_to() if not name.startswith("AWS")} - known

    assert unknown == set()


@pytest.mark.parametrize("name", TEMPLATE["Parameters"])
def test_parameters_default_is_the_settings_own(name: str) -> None:
    field = SETTINGS.get(re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper())
    parameter = TEMPLATE["Parameters"][name]
    if field is None or "Default" not in parameter:
        return

    default = field.default
    text = str(default).lower() if isinstance(default, bool) else str(default)

    assert str(parameter["Default"]) == text


@pytest.mark.parametrize("name", ["MongoUri", "RedisUrl"])
def test_parameter_that_may_hold_a_password_is_not_shown(name: str) -> None:
    assert TEMPLATE["Parameters"][name]["NoEcho"] is True
    assert TEMPLATE["Parameters"][name]["Default"] == ""


def test_least_values_let_the_rules_work() -> None:
    parameters = TEMPLATE["Parameters"]

    for name in ("HoldSeconds", "OtpSeconds", "OtpMaxTries", "MaxLiveHolds"):
        assert parameters[name]["MinValue"] >= 1, name


# --- environments ---------------------------------------------------------------------------------


def overrides(environment: str) -> dict[str, str]:
    deploy = SAMCONFIG[environment].get("deploy", {}).get("parameters", {})
    return dict(pair.split("=", 1) for pair in deploy.get("parameter_overrides", "").split())


def test_there_is_an_environment_for_each_purpose() -> None:
    assert {"local", "dev", "staging", "prod"} <= set(SAMCONFIG)


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_environment_deploys_to_a_stack_of_its_own(environment: str) -> None:
    deploy = SAMCONFIG[environment]["deploy"]["parameters"]

    assert deploy["stack_name"] == f"slotkeeper-{environment}"
    assert overrides(environment)["Environment"] == environment


@pytest.mark.parametrize("environment", ["local", "dev", "staging", "prod"])
def test_environment_sets_only_what_the_template_knows(environment: str) -> None:
    for command in SAMCONFIG[environment].values():
        given = command["parameters"].get("parameter_overrides", "").split()

        assert {pair.split("=")[0] for pair in given} <= set(TEMPLATE["Parameters"])


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_environment_holds_no_server_and_no_secret(environment: str) -> None:
    assert not {"MongoUri", "RedisUrl"} & set(overrides(environment))


def test_times_are_the_contracts_in_production_and_shorter_in_staging() -> None:
    assert not [name for name in overrides("prod") if name.endswith("Seconds")]
    assert int(overrides("staging")["HoldSeconds"]) < 300
    assert int(overrides("staging")["OtpSeconds"]) < 300


def test_production_is_released_step_by_step_and_staging_with_the_same_check() -> None:
    assert overrides("prod")["CanaryEnabled"] == "true"
    assert overrides("prod")["CanaryType"].startswith(("Canary", "Linear"))
    assert overrides("staging")["CanaryEnabled"] == "true"
    assert TEMPLATE["Parameters"]["CanaryEnabled"]["Default"] == "false"


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_environment_gives_what_the_template_lets_it(environment: str) -> None:
    for name, value in overrides(environment).items():
        parameter = TEMPLATE["Parameters"][name]
        assert value in map(str, parameter.get("AllowedValues", [value])), name
        assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value), name
        if parameter["Type"] == "Number":
            assert int(value) >= parameter.get("MinValue", 0), name
            assert int(value) <= parameter.get("MaxValue", int(value)), name


def test_environments_have_queues_secrets_and_keys_in_redis_of_their_own() -> None:
    for queue in QUEUES.values():
        assert "${AWS::StackName}" in queue["QueueName"]["Fn::Sub"]
    for secret in of_type("AWS::SecretsManager::Secret").values():
        assert "${AWS::StackName}" in secret["Name"]["Fn::Sub"]
    assert GLOBALS["Environment"]["Variables"]["ENVIRONMENT"] == {"Ref": "Environment"}
    keys = {Keys(overrides(name)["Environment"]).lock("s1") for name in ("dev", "staging", "prod")}
    assert len(keys) == 3


def test_a_person_confirms_what_goes_to_production() -> None:
    assert SAMCONFIG["prod"]["deploy"]["parameters"]["confirm_changeset"] is True
