"""The layers as they are deployed: whole, compiled, and no heavier than each function needs."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.config import ROOT, Config

OWN_LAYERS = {"authorize": "AuthLayer", "web": "WebLayer"}
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))


def _imported(system: Config, function: str, **settings: str) -> set[str]:
    """Modules in memory once the function is imported on its layers alone, as Lambda has them."""
    build = system.state / "build"
    layers = [build / "CommonLayer" / "python"]
    if "TRACING_ENDPOINT" in settings:
        layers.append(build / "TracingLayer" / "python")
    if function in OWN_LAYERS:
        layers.append(build / OWN_LAYERS[function] / "python")
    code = build / f"{function.title().replace('_', '')}Function"
    program = (
        f"import sys, json; sys.path[:0] = {[str(path) for path in (code, *layers)]!r}\n"
        "import app; assert callable(app.lambda_handler)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    # Isolated and without site-packages: nothing of the test environment can help.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        env={"ENVIRONMENT": "local", **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_imports_on_its_layers_alone_and_loads_no_aws_client(
    system: Config, stack: dict[str, Any], function: str
) -> None:
    modules = _imported(system, function)

    # (Powertools imports the bare package `botocore`, which is nothing but a name.)
    assert "slotkeeper" in modules
    aws = {"boto3", "botocore.session", "botocore.client"}
    assert not modules & (aws | {"cryptography", "jwt", "icalendar", "stripe", "opentelemetry"})
    assert ("starlette" in modules) == (function == "web")


@pytest.mark.parametrize("function", ["authorize", "hold_slot"])
def test_a_function_that_traces_finds_what_it_traces_with_in_a_layer(
    system: Config, stack: dict[str, Any], function: str
) -> None:
    modules = _imported(system, function, TRACING_ENDPOINT="http://127.0.0.1:4318")

    assert {"opentelemetry.sdk.trace", "slotkeeper.adapters.otel.tracer"} <= modules
    assert "boto3" not in modules


def test_the_shared_layer_has_no_cryptography(system: Config, stack: dict[str, Any]) -> None:
    build = system.state / "build"

    assert not list((build / "CommonLayer" / "python").glob("cryptography*"))
    assert list((build / "AuthLayer" / "python").glob("cryptography*"))


@pytest.mark.parametrize("layer", ["CommonLayer", "AuthLayer", "WebLayer", "TracingLayer"])
def test_every_module_of_a_layer_has_bytecode_that_is_not_checked_against_its_source(
    system: Config, stack: dict[str, Any], layer: str
) -> None:
    root = system.state / "build" / layer / "python"
    tag = sys.implementation.cache_tag
    sources = [path for path in root.rglob("*.py") if "__pycache__" not in path.parts]

    compiled = [path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc" for path in sources]

    assert sources
    assert [path for path in compiled if not path.exists()] == []
    assert {_flags(path) for path in compiled} == {0b01}


def _flags(path: Path) -> int:
    """PEP 552: bit 0, known by hash; bit 1, checked against the source."""
    flags: int = struct.unpack("<I", path.read_bytes()[4:8])[0]
    return flags
