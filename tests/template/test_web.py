"""The pages: what is local about them cannot be anywhere else, and signing in is set up whole."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from functions.web import app as web
from local import front
from local.config import HOST, ROOT
from local.ship import ENVIRONMENTS
from slotkeeper.settings import Settings
from tests.support.filled import Filled
from tests.template.test_template import FUNCTIONS, SAMCONFIG, TEMPLATE, names_referred_to

DEPLOYED = [
    *(ROOT / "functions").rglob("*.py"),
    *(ROOT / "layers").rglob("*.py"),
    ROOT / "template.yaml",
    ROOT / "samconfig.toml",
]
MINTS = re.compile(r"/_local/|cognito.?idp|admin_initiate_auth|sign-in|local\.(front|identity)")
"""What the local front is made of: its routes, and how it gives out tokens."""


def test_nothing_that_is_deployed_gives_out_tokens_or_tells_of_messages() -> None:
    assert [path.name for path in DEPLOYED if MINTS.search(path.read_text())] == []


def test_control_the_front_itself_would_be_found() -> None:
    assert MINTS.search((ROOT / "local" / "front.py").read_text())


def test_no_setting_and_no_parameter_of_the_pages_turns_anything_local_on() -> None:
    given = FUNCTIONS["WebFunction"]["Environment"]["Variables"]

    assert set(given) == {"WEB_CLIENT_ID", "WEB_AUTHORIZE_URL", "WEB_GRANT_URL"}
    assert {value["Ref"] for value in given.values()} <= set(TEMPLATE["Parameters"])
    # Whatever they are, there are two ways to sign in, and neither is the local one.
    for client in ("", "the-page"):
        for environment in ("local", *ENVIRONMENTS):
            settings = Settings(environment=environment, web_client_id=client)
            assert web.sign_in(settings)["kind"] in {"none", "oidc"}


def test_the_pages_know_neither_stores_nor_users() -> None:
    tree = ast.parse((ROOT / "functions" / "web" / "app.py").read_text())
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "bootstrap"
    }

    assert used == {"settings"}


def test_the_front_listens_to_this_machine_alone() -> None:
    assert HOST == "127.0.0.1"
    assert front.HOST is HOST  # type: ignore[attr-defined]  # what it binds


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_environment_is_called_local(environment: str) -> None:
    told: str = SAMCONFIG[environment]["deploy"]["parameters"]["parameter_overrides"]

    assert f"Environment={environment}" in told.split()


def test_nobody_signs_in_before_it_is_set_up() -> None:
    there = Filled(Environment="prod")
    variables: Any = there.resources["WebFunction"]["Properties"]["Environment"]["Variables"]

    assert variables["WEB_CLIENT_ID"] == ""
    assert {"WebClientId", "WebAuthorizeUrl", "WebGrantUrl"} <= names_referred_to()


@pytest.mark.parametrize(
    ("given", "is_allowed"),
    [
        ({}, True),
        ({"WebClientId": "a"}, False),
        ({"WebClientId": "a", "WebAuthorizeUrl": "https://x"}, False),
        ({"WebClientId": "a", "WebGrantUrl": "https://x"}, False),
        ({"WebClientId": "a", "WebAuthorizeUrl": "https://x", "WebGrantUrl": "https://x"}, True),
    ],
)
def test_a_client_needs_both_of_its_addresses(given: dict[str, str], is_allowed: bool) -> None:
    assert Filled(Environment="prod", **given).is_allowed is is_allowed
