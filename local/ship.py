"""`make deploy ENV=staging`: build, and deploy to the AWS account that the shell is signed in to.

Parameters come from samconfig.toml, then from the file `deploy.<environment>.env` (which git does
not know: it names servers and people), then from the command. What the template asks for and
nobody gave is said before anything is built.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.config import ROOT, TOOLS, Config
from local.deploy import RELEASE_LENGTH, build_for_deployment, fingerprint_of
from local.progress import LocalError, say

ENVIRONMENTS = ("dev", "staging", "prod")
REQUIRED = ("JwtIssuer", "JwtAudience", "EmailFrom", "SecretsExtensionLayer")
"""Parameters without a default, that samconfig.toml does not know either."""


def ship(config: Config, environment: str, *, given: Sequence[str], is_dry: bool) -> int:
    """Deploy; the exit code is SAM's.

    Raises:
        LocalError: there is no such environment, or something that it needs was not given.
    """
    parameters = parameters_of(environment, given, runtime=config.runtime)
    command = command_for(environment, parameters)
    if is_dry:
        print(" ".join(command))
        return 0
    build_for_deployment(config)
    say(f"built release {parameters['Release']}; deploying it to {environment}")
    environ = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


def parameters_of(
    environment: str, given: Sequence[str], *, runtime: str, folder: Path = ROOT
) -> dict[str, str]:
    """All that SAM is told, with the release that it makes.

    Raises:
        LocalError: as `ship`.
    """
    if environment not in ENVIRONMENTS:
        raise LocalError(f"ENV is one of {', '.join(ENVIRONMENTS)}; not {environment!r}")
    parameters = {
        "PyRuntime": runtime,
        **_pairs(_of_samconfig(environment), "samconfig.toml"),
        **_of_file(folder / f"deploy.{environment}.env"),
        **_pairs(given, "PARAMETERS"),
    }
    if missing := [name for name in REQUIRED if not parameters.get(name)]:
        raise LocalError(
            f"not given: {', '.join(missing)}. Write them into deploy.{environment}.env, "
            "NAME=value a line (docs/release.md)"
        )
    return {**parameters, "Release": _release(runtime, parameters)}


def command_for(environment: str, parameters: Mapping[str, str]) -> list[str]:
    return [
        *(str(TOOLS / "venvs" / "sam" / "bin" / "sam"), "deploy", "--config-env", environment),
        # All of them: SAM takes samconfig.toml's only where the command has none.
        *("--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())),
    ]


def _release(runtime: str, parameters: Mapping[str, str]) -> str:
    """Another where sources or parameters are; the same for the same, which publishes nothing."""
    told = f"{fingerprint_of(runtime)}{sorted(parameters.items())}"
    return hashlib.sha256(told.encode()).hexdigest()[:RELEASE_LENGTH]


def _of_samconfig(environment: str) -> list[str]:
    samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text())
    told: str = samconfig[environment]["deploy"]["parameters"]["parameter_overrides"]
    return told.split()


def _of_file(path: Path) -> dict[str, str]:
    if not path.exists():
        print(f"there is no {path.name}; going on without", file=sys.stderr)
        return {}
    lines = (line.strip() for line in path.read_text().splitlines())
    return _pairs([line for line in lines if line and not line.startswith("#")], path.name)


def _pairs(told: Sequence[str], where: str) -> dict[str, str]:
    for pair in told:
        if "=" not in pair:
            raise LocalError(f"{where}: {pair!r} is not NAME=value")
    return dict(pair.split("=", 1) for pair in told)
