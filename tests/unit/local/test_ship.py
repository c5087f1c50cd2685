"""What `make deploy` tells SAM, and what it wants to be told first."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from local.config import ROOT
from local.progress import LocalError
from local.ship import REQUIRED, command_for, parameters_of
from tests.template.test_template import TEMPLATE

GIVEN = [f"{name}=x" for name in REQUIRED]
RUNTIME = "python3.13"


def _told(given: list[str], folder: Path, environment: str = "staging") -> dict[str, str]:
    return parameters_of(environment, given, runtime=RUNTIME, folder=folder)


def test_it_asks_for_all_that_the_template_has_no_default_for() -> None:
    without = {name for name, one in TEMPLATE["Parameters"].items() if "Default" not in one}

    assert without - {"Environment"} == set(REQUIRED)


def test_what_nobody_gave_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"JwtAudience.*deploy\.staging\.env"):
        _told(["JwtIssuer=https://a", "EmailFrom=a@b", "SecretsExtensionLayer=arn"], tmp_path)


def test_an_environment_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="dev, staging, prod"):
        _told(GIVEN, tmp_path, environment="production")


def test_what_is_no_pair_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="'LogLevel' is not NAME=value"):
        _told([*GIVEN, "LogLevel"], tmp_path)


def test_the_file_comes_before_samconfig_and_the_command_before_both(tmp_path: Path) -> None:
    (tmp_path / "deploy.staging.env").write_text(
        "# ours\nHoldSeconds=90\nEmailFrom=file@b\n\nJwtIssuer=https://a\n"
    )

    told = _told([*GIVEN, "EmailFrom=command@b"], tmp_path)

    assert told["HoldSeconds"] == "90"
    assert told["EmailFrom"] == "command@b"
    assert told["Environment"] == "staging"
    assert told["OtpSeconds"] == "120"
    assert told["PyRuntime"] == RUNTIME


def test_a_release_is_another_when_a_parameter_is_and_the_same_otherwise(tmp_path: Path) -> None:
    first = _told(GIVEN, tmp_path)["Release"]

    assert _told(GIVEN, tmp_path)["Release"] == first
    assert _told([*GIVEN, "LogLevel=DEBUG"], tmp_path)["Release"] != first
    assert len(first) == 10
    assert set(first) <= set("0123456789abcdef")


def test_sam_is_told_everything_and_of_which_environment() -> None:
    command = command_for("prod", {"Environment": "prod", "Release": "0123456789"})

    assert command[1:4] == ["deploy", "--config-env", "prod"]
    assert command[4:] == ["--parameter-overrides", "Environment=prod", "Release=0123456789"]


def test_what_is_asked_for_is_told_in_the_docs() -> None:
    told = (ROOT / "docs" / "release.md").read_text()

    assert all(f"`{name}`" in told for name in REQUIRED)


def test_file_with_names_of_servers_is_not_gits() -> None:
    assert "deploy.*.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_environments_share_no_name() -> None:
    samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text())
    deploys = [samconfig[name]["deploy"]["parameters"] for name in ("dev", "staging", "prod")]

    assert len({one["stack_name"] for one in deploys}) == 3
    assert len({one["parameter_overrides"].split()[0] for one in deploys}) == 3
