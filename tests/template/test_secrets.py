"""Nothing secret is in the template as it is deployed, nor in a function's environment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support.filled import Filled
from tests.support.translated import template

Node = dict[str, Any]  # Any: a template is free JSON

LAYER = "arn:aws:lambda:eu-central-1:123456789012:layer:the-extension:1"
NEEDED = {
    "JwtIssuer": "https://issuer.example",
    "JwtAudience": "client",
    "JwksUrl": "https://issuer.example/jwks",
    "EmailFrom": "no-reply@clinic.example",
    "SecretsExtensionLayer": LAYER,
}
PROD = Filled(Environment="prod", PaymentProvider="stripe", **NEEDED)
STORES = {"MongoUri": "mongodb://canary-mongo/db", "RedisUrl": "redis://canary-redis"}
LOCAL = Filled(Environment="local", OtpKeyRotationDays="0", **NEEDED, **STORES)

SECRET = re.compile(
    r"://[^/\s\"'@]*:[^/\s\"'@]+@"  # a password in a URL
    r"|-----BEGIN|eyJ[\w-]{10,}\."  # a private key, a token
    r"|\b(AKIA|ASIA)[A-Z0-9]{16}\b|\b[rs]k_(live|test)_\w+|\bwhsec_\w+"  # keys of AWS and Stripe
    r"|(?i:passw(or)?d|api_?key|secret|token)\W{0,2}[:=]\s*[\"']?(?!to-be-set\b)[\w/+-]{8,}"
)
NAME_OF_A_SECRET = re.compile(
    r"PASSW|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|SECRET(?!_ID$)", re.IGNORECASE
)
RANDOM = re.compile(r"\b(?:[0-9a-f]{32,}|(?=\w*[a-z])(?=\w*[A-Z])(?=\w*[0-9])[\w+/]{40,})\b")


def texts(node: Any) -> Iterator[str]:  # Any: a template is free JSON
    """All that is written in the node; names it gives are ours."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for one in node:
            yield from texts(one)


def told_secrets(node: Any) -> list[str]:
    # SAM names deployments and versions by a digest of what they are of.
    found = [text for text in texts(node) if SECRET.search(text) or RANDOM.search(text)]
    digest = re.compile(r".* id: [0-9a-f]{40}|.*SHA: \w+|\w+FunctionVersion[0-9a-f]{10}")
    return [text for text in found if not digest.fullmatch(text)]


def of_type(filled: Filled, type_: str) -> dict[str, Node]:
    return {
        name: resource["Properties"]
        for name, resource in filled.resources.items()
        if resource["Type"] == type_
    }


FUNCTIONS = of_type(PROD, "AWS::Lambda::Function")


def test_all_functions_are_looked_at() -> None:
    assert len(FUNCTIONS) >= 18
    assert all(function["Environment"]["Variables"] for function in FUNCTIONS.values())


def test_no_text_of_the_translated_template_looks_like_a_secret() -> None:
    assert told_secrets(template()) == []


@pytest.mark.parametrize(
    "planted",
    [
        "mongodb://user:hunter22@db/slotkeeper",
        "rediss://:hunter22@cache:6379",
        "-----BEGIN PRIVATE KEY-----",
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "AKIAIOSFODNN7EXAMPLE",
        '{"apiKey": "hunter2222"}',
        "password=hunter2222",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln",
    ],
)
def test_control_a_secret_that_is_planted_is_found(planted: str) -> None:
    assert told_secrets({"Resources": {"Function": {"Variables": {"HARMLESS": planted}}}})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_variable_is_named_like_a_secret(name: str) -> None:
    variables = FUNCTIONS[name]["Environment"]["Variables"]

    assert [variable for variable in variables if NAME_OF_A_SECRET.search(variable)] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_outside_local_a_function_is_told_where_to_ask_for_the_stores_and_not_where_they_are(
    name: str,
) -> None:
    function = FUNCTIONS[name]
    variables = function["Environment"]["Variables"]

    assert not {"MONGO_URI", "REDIS_URL"} & set(variables)
    assert variables["STORES_SECRET_ID"] == {"Fn::Sub": "${AWS::StackName}/stores"}
    assert LAYER in function["Layers"]


def test_locally_functions_have_the_stores_in_the_environment_and_no_layer_of_aws() -> None:
    for function in of_type(LOCAL, "AWS::Lambda::Function").values():
        variables = function["Environment"]["Variables"]

        assert (variables["MONGO_URI"], variables["REDIS_URL"]) == tuple(STORES.values())
        assert "STORES_SECRET_ID" not in variables
        assert LAYER not in function["Layers"]


@pytest.mark.parametrize("given", [{}, *({name: value} for name, value in STORES.items())])
def test_what_is_not_echoed_may_be_given_locally_alone(given: dict[str, str]) -> None:
    elsewhere = Filled(Environment="prod", **NEEDED, **given)

    assert elsewhere.is_allowed == (not given)
    assert Filled(Environment="local", **NEEDED, **given).is_allowed


def test_no_parameter_but_those_is_kept_from_being_shown() -> None:
    hidden = {n for n, parameter in template()["Parameters"].items() if parameter.get("NoEcho")}

    assert hidden == set(STORES)


def test_what_is_not_echoed_is_nowhere_in_what_is_deployed_to_production() -> None:
    used = {
        name
        for name, resource in PROD.resources.items()
        for parameter in STORES
        if json.dumps({"Ref": parameter}) in json.dumps(resource)
        or f"${{{parameter}}}" in json.dumps(resource)
    }

    assert used == set()


def test_keys_of_codes_are_made_where_they_are_kept() -> None:
    secrets = of_type(PROD, "AWS::SecretsManager::Secret")

    assert "SecretString" not in secrets["OtpKeys"]
    assert secrets["OtpKeys"]["GenerateSecretString"]["PasswordLength"] >= 32
    assert json.loads(secrets["PaymentSecret"]["SecretString"]) == {"apiKey": "to-be-set"}


# --- rotation -------------------------------------------------------------------------------------


def test_keys_of_codes_are_rotated_by_the_function_for_it() -> None:
    [schedule] = of_type(PROD, "AWS::SecretsManager::RotationSchedule").values()

    assert schedule["SecretId"] == {"Ref": "OtpKeys"}
    assert schedule["RotationLambdaARN"] == {"Ref": "RotateOtpKeysFunctionAliaslive"}
    assert schedule["RotationRules"] == {"AutomaticallyAfterDays": "30"}


def test_days_between_rotations_are_a_parameter_and_none_is_no_rotation() -> None:
    weekly = Filled(Environment="prod", OtpKeyRotationDays="7", **NEEDED)

    [schedule] = of_type(weekly, "AWS::SecretsManager::RotationSchedule").values()
    assert schedule["RotationRules"] == {"AutomaticallyAfterDays": "7"}
    assert of_type(LOCAL, "AWS::SecretsManager::RotationSchedule") == {}


def test_nobody_but_this_accounts_secrets_manager_may_rotate() -> None:
    permissions = [
        permission
        for permission in of_type(PROD, "AWS::Lambda::Permission").values()
        if "RotateOtpKeysFunction" in json.dumps(permission["FunctionName"])
    ]

    assert permissions == [
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": "RotateOtpKeysFunctionAliaslive"},
            "Principal": "secretsmanager.amazonaws.com",
            "SourceAccount": {"Ref": "AWS::AccountId"},
        }
    ]


def test_who_asks_for_codes_is_updated_after_who_sends_and_checks_them_serves() -> None:
    for name in ("HoldSlotFunction", "ResendOtpFunction"):
        after = PROD.resources[name]["DependsOn"]

        # When the alias is another version, that version serves.
        assert {"SendNotificationFunctionAliaslive", "VerifyOtpFunctionAliaslive"} <= set(after)
