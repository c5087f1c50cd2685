"""Tracing is off unless a collector is named, and then whole: layer, settings, rights, way out."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local.config import ROOT
from security.locks import LOCKS, pins
from slotkeeper.settings import from_environment, is_traced
from slotkeeper.tracing import ATTRIBUTES
from tests.support import translated
from tests.template.test_permissions import COLLECTOR, FUNCTION_ROLES
from tests.template.test_template import GLOBALS, RESOURCES, SETTINGS, TEMPLATE

PARAMETERS = TEMPLATE["Parameters"]
CONDITIONS = TEMPLATE["Conditions"]
MOST_LAYERS = 5
"""That a function may have."""


def test_nothing_is_traced_by_default() -> None:
    assert PARAMETERS["TracingEndpoint"]["Default"] == ""
    assert PARAMETERS["TracingCollectorLayer"]["Default"] == ""
    assert PARAMETERS["TracingTrustsCallers"]["Default"] == "false"
    assert CONDITIONS["Traces"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "TracingEndpoint"}, ""]}]}
    assert not is_traced({})
    assert not is_traced({"TRACING_ENDPOINT": ""})
    assert not SETTINGS["TRACING_TRUSTS_CALLERS"].default


def test_the_parameters_defaults_are_the_settings() -> None:
    default = SETTINGS["TRACING_SAMPLE_RATE"].default

    assert PARAMETERS["TracingSampleRate"]["Default"] == default


def test_everything_that_traces_stands_behind_the_condition() -> None:
    names = [name for name in GLOBALS["Environment"]["Variables"] if name.startswith("TRACING_")]
    assert len(names) == 3
    for name in names:
        assert GLOBALS["Environment"]["Variables"][name]["Fn::If"][0] == "Traces"
    behind = {"TracingLayer": "Traces", "TracingPolicy": "TracesByLayer"}
    for name, condition in {**behind, "TraceEndpoint": "HasTraceEndpoint"}.items():
        assert RESOURCES[name]["Condition"] == condition
    for condition in ("TracesByLayer", "HasTraceEndpoint"):
        assert {"Condition": "Traces"} in CONDITIONS["TracesByLayer"]["Fn::And"]
        assert condition in CONDITIONS


def test_no_function_has_more_layers_than_lambda_takes() -> None:
    for function in translated.of_type("AWS::Lambda::Function").values():
        assert len(translated.whatever_the_condition(function["Layers"])) <= MOST_LAYERS


def test_a_collector_beside_a_function_may_hand_spans_on_and_nothing_else() -> None:
    policy = translated.of_type("AWS::IAM::ManagedPolicy")["TracingPolicy"]
    [statement] = translated.statements_of(policy["PolicyDocument"])

    assert set(statement["Action"]) == COLLECTOR
    assert sorted(role["Ref"] for role in policy["Roles"]) == sorted(FUNCTION_ROLES.values())


@pytest.mark.parametrize(
    ("endpoint", "is_one"),
    [
        ("", True),
        ("https://collector.internal:4318", True),
        ("http://localhost:4318", True),
        ("https://collector.internal/otlp", True),
        ("https://" + "user:word" + "@collector.internal", False),
        ("https://collector.internal?key=word", False),
        ("collector:4317", False),
        ("grpc://collector:4317", False),
    ],
)
def test_an_endpoint_is_a_url_with_nothing_secret_in_it(endpoint: str, is_one: bool) -> None:
    pattern = PARAMETERS["TracingEndpoint"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, endpoint)) is is_one
    assert is_readable(TRACING_ENDPOINT=endpoint) is is_one


def test_spans_leave_the_function_encrypted_unless_the_collector_is_within() -> None:
    assert not is_readable(TRACING_ENDPOINT="http://collector.internal:4318")
    assert not is_readable(TRACING_ENDPOINT="http://localhost.example.org:4318")
    assert is_readable(TRACING_ENDPOINT="http://127.0.0.1:4318")
    assert is_readable(TRACING_ENDPOINT="http://collector.internal:4318", REQUIRE_TLS="false")


def is_readable(**variables: str) -> bool:
    given = {"ENVIRONMENT": "prod", "JWT_ISSUER": "https://identity.example.org", **variables}
    try:
        from_environment(given)
    except ValueError:
        return False
    return True


def test_what_two_layers_carry_is_the_same_in_both() -> None:
    carried: dict[str, Any] = {}
    for lock in LOCKS.values():
        for pin in pins(ROOT / lock):
            assert carried.setdefault(pin.name, pin.version) == pin.version, pin.name


def test_the_page_tells_every_attribute() -> None:
    text = (ROOT / "docs" / "tracing.md").read_text()

    assert [name for name in ATTRIBUTES if f"`{name}`" not in text] == []
