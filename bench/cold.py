"""Cold starts: each function's init in a fresh process, beside importing the bare libraries."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench import bare, events
from bench.ground import FUNCTIONS, HERE, PYTHON, Ground
from bench.process import Inside
from bench.series import Found, Show, Size, figures, interleaved

ROUNDS: Mapping[Size, int] = {"full": 9, "short": 3}
FIRSTS: Mapping[Size, int] = {"full": 11, "short": 3}
SHORT = ("list_slots", "hold_slot", "verify_otp")
"""The functions of a short run."""
UNITS = {
    "ms": "ms",
    "cpu_ms": "ms",
    "init_ms": "ms",
    "init_cpu_ms": "ms",
    "init_mb": "MB",
    "sender_cpu_ms": "ms",
}
SENDERS = {
    **dict.fromkeys(("hold_slot", "resend_otp"), "jobs"),
    **dict.fromkeys(("verify_otp", "cancel", "reschedule"), "relay_waker"),
}
"""Of the functions that send, the factory in `bootstrap` of what they send by."""
FLOORS = {
    "F": bare.F,
    "usable": bare.USABLE,
    "naive": bare.NAIVE,
    "protocol": bare.PROTOCOL,
}
FORBIDDEN = (
    *("boto3", "botocore.client", "cryptography", "aws_xray_sdk"),
    "aws_lambda_powertools.utilities.idempotency",
)
"""Modules that nothing which sends nothing has any use for. (Powertools itself imports its Tracer,
which imports next to nothing until one is made and patches libraries by `aws_xray_sdk`.)"""
HEAVY = (
    *FORBIDDEN,
    *("botocore", "botocore.auth", "urllib3", "requests", "http.client", "jwt", "icalendar"),
    *("stripe", "opentelemetry", "dns", "gridfs", "pyotp", "zoneinfo", "email", "unittest"),
    *("aws_lambda_powertools.utilities.parameters", "aws_lambda_powertools.utilities.parser"),
    *("aws_lambda_powertools.event_handler", "aws_lambda_powertools.metrics"),
    "aws_lambda_powertools.tracing",
    *("pymongo", "bson", "redis", "hiredis", "pydantic", "msgspec"),
)
"""Modules that cost a cold start something, by the name that brings the rest with it."""


def measure(ground: Ground, show: Show, size: Size) -> Found:
    functions = FUNCTIONS if size == "full" else SHORT
    found = inits(ground, show, functions, tuple(FLOORS), rounds=ROUNDS[size])
    for function in functions:
        found |= _counts(ground, function)
    show(f"cold: the first request of {FIRSTS[size]} fresh processes")
    return found | _first_requests(ground, show, FIRSTS[size])


def inits(
    ground: Ground, show: Show, functions: Sequence[str], floors: Sequence[str], *, rounds: int
) -> Found:
    """Each in so many fresh processes, in turn."""
    show(f"cold: {len(functions)} functions, {len(floors)} floors, {rounds} fresh processes each")
    kinds: dict[str, Callable[[], Mapping[str, float]]] = {
        f"cold.floor.{name}": _importing(ground, FLOORS[name]) for name in floors
    }
    kinds |= {f"cold.{function}": _starting(ground, function) for function in functions}
    return dict(figures(interleaved(kinds, rounds, show), UNITS))


def heavy(started: Mapping[str, Any], names: tuple[str, ...] = HEAVY) -> set[str]:
    """Those of `names` that a function which has started has in memory."""
    return set(names) & set(started["modules"])


def import_times(ground: Ground, function: str) -> list[tuple[str, float]]:
    """Milliseconds of a function's init by package, most first; of ours, by module's room."""
    from bench.inside import MARK

    asked = {"paths": ground.paths(function), "runtime": ground.runtime_client}
    done = subprocess.run(
        [
            *(PYTHON, "-I", "-S", "-B", "-X", "importtime", str(HERE / "inside.py")),
            json.dumps({**asked, "counts": False, "sender": "", "takes": ""}),
        ],
        env=ground.environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return _by_package(done.stderr.partition(MARK)[2])


def _by_package(told: str) -> list[tuple[str, float]]:
    taken: dict[str, float] = {}
    for line in told.splitlines():
        if not line.startswith("import time:"):
            continue
        own, _, rest = line.removeprefix("import time:").partition("|")
        name = rest.partition("|")[2].strip()
        if not own.strip().isdigit():
            continue
        parts = name.split(".")
        package = ".".join(parts[:2]) if parts[0] == "slotkeeper" else parts[0]
        taken[package] = taken.get(package, 0.0) + int(own) / 1000
    return sorted(taken.items(), key=lambda item: item[1], reverse=True)


def _counts(ground: Ground, function: str) -> Found:
    """What does not depend on the machine: modules in memory, modules compiled."""
    with Inside(ground, function) as process:
        started = process.started
    of_layer = [path for path in started["compiled"] if "Layer/python/" in path]
    return {
        f"cold.{function}.modules": len(started["modules"]),
        f"cold.{function}.compiled": len(of_layer),
        f"cold.{function}.forbidden": len(heavy(started, FORBIDDEN)),
    }


def _first_requests(ground: Ground, show: Show, rounds: int) -> Found:
    """A hold by a function that has just started, and a page of slots."""
    owner = ground.patients(1)[0]

    def first(function: str, event: events.Event, status: int) -> Mapping[str, float]:
        with Inside(ground, function) as process:
            [result] = process.invoke(event)
        assert result["status"] == status, result
        return {"first_ms": result["ms"], "first_cpu_us": result["cpu_us"]}

    kinds: dict[str, Callable[[], Mapping[str, float]]] = {
        "cold.hold_slot": lambda: first(
            "hold_slot", events.hold(ground.slots(1)[0], ground.patients(1)[0]), 202
        ),
        "cold.list_slots": lambda: first(
            "list_slots", events.list_slots(ground.doctor, owner), 200
        ),
    }
    units = {"first_ms": "ms", "first_cpu_us": "us"}
    return dict(figures(interleaved(kinds, rounds, show), units))


def _starting(ground: Ground, function: str) -> Callable[[], Mapping[str, float]]:
    def start() -> Mapping[str, float]:
        with Inside(ground, function, sender=SENDERS.get(function, "")) as process:
            return dict(process.started)

    return start


def _importing(ground: Ground, text: str) -> Callable[[], Mapping[str, float]]:
    asked = {"paths": [ground.layer], "runtime": ground.runtime_client, "imports": text}

    def run() -> Mapping[str, float]:
        done = subprocess.run(
            [PYTHON, "-I", "-S", "-B", str(HERE / "bare.py"), json.dumps(asked)],
            env={"LAMBDA_TASK_ROOT": "/var/task", "POWERTOOLS_TRACE_DISABLED": "true"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        told: Mapping[str, float] = json.loads(done.stdout)
        return told

    return run
