"""The same requests through AWS' runtime interface emulator and its runtime client.

It takes one request at a time, and adds to each its two hops over HTTP: to product and floor alike.
"""

from __future__ import annotations

import http.client
import json
import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.clinic import Clinic, Results
from bench.events import Event
from bench.ground import HERE, KEYS, PYTHON, Ground
from bench.series import Found, Show, Size, figures, interleaved
from local.config import HOST, TOOLS
from local.processes import is_taken
from local.progress import LocalError

ROUNDS: Mapping[Size, int] = {"full": 15, "short": 3}
AT_ONCE = 10
KINDS = {"hold": "hold", "verify": "verify", "cancel": "cancel", "list_hit": "get"}
"""Of the product, and the bare operation beside it."""
FUNCTIONS = ("hold_slot", "verify_otp", "cancel", "list_slots")
PORTS_AFTER = 30
"""Of the ground's block, those that the emulators take begin here."""
STARTS_WITHIN_SECONDS = 20.0
_INVOKE = "/2015-03-31/functions/function/invocations"


class Emulated:
    """One function behind its own emulator."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]):
        self._port = port
        self._process = process
        self._connection = http.client.HTTPConnection(HOST, port, timeout=30)

    def invoke(self, event: Event) -> dict[str, Any]:
        body = json.dumps(event)
        began = time.perf_counter()
        self._connection.request("POST", _INVOKE, body)
        told = self._connection.getresponse().read()
        ended = time.perf_counter()
        answer = json.loads(told)
        if "statusCode" not in answer:
            raise LocalError(f"the function failed: {answer}")
        return {
            "ms": (ended - began) * 1000,
            "status": answer["statusCode"],
            "body": answer.get("body"),
        }

    def wait_ready(self) -> None:
        """Raises LocalError: it did not listen in time."""
        ends_at = time.monotonic() + STARTS_WITHIN_SECONDS
        while not is_taken(self._port):
            if time.monotonic() > ends_at or self._process.poll() is not None:
                raise LocalError("the runtime interface emulator does not listen")
            time.sleep(0.02)

    def close(self) -> None:
        """End the emulator and the runtime it started: they are a session of their own."""
        self._connection.close()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)


def measure(ground: Ground, show: Show, size: Size) -> Found:
    rounds = ROUNDS[size]
    show(f"rie: {rounds} x {AT_ONCE} requests of each kind through the runtime interface emulator")
    with ExitStack() as stack:
        ports = iter(range(ground.config.api_port + PORTS_AFTER, ground.config.api_port + 40, 2))
        started = {
            name: stack.enter_context(_emulated(ground, name, next(ports)))
            for name in (*FUNCTIONS, "bare")
        }

        def functions(function: str, *asked: Event) -> Results:
            # Those that only make what a measurement needs, as well: each has one function.
            return [started[function].invoke(event) for event in asked]

        clinic = Clinic(ground, functions)
        batches: dict[str, Callable[[], Results]] = {}
        for kind, op in KINDS.items():
            batches[f"rie.{kind}"] = _requests(clinic, kind)
            batches[f"rie.floor.{op}"] = _bare(started["bare"], op)
        for run in batches.values():
            run()
        taken = interleaved(batches, rounds, show)
    each = {name: [one for batch in found for one in batch] for name, found in taken.items()}
    return dict(figures(each, {"ms": "ms"}))


def _requests(clinic: Clinic, kind: str) -> Callable[[], Results]:
    return lambda: clinic.kinds[kind](AT_ONCE)


def _bare(emulated: Emulated, op: str) -> Callable[[], Results]:
    def run() -> Results:
        emulated.invoke({"op": op, "n": AT_ONCE})
        return [emulated.invoke({"op": op}) for _ in range(AT_ONCE)]

    return run


@contextmanager
def _emulated(ground: Ground, function: str, port: int) -> Iterator[Emulated]:
    if function == "bare":
        handler, paths = "bare_handler", [ground.layer]
    else:
        handler, paths = "taking", ground.paths(function)
    process = subprocess.Popen(
        [
            *(str(_rie()), "--log-level", "error"),
            *("--runtime-interface-emulator-address", f"{HOST}:{port}"),
            *("--runtime-api-address", f"{HOST}:{port + 1}"),
            *(PYTHON, "-S", "-B", "-m", "awslambdaric", f"{handler}.lambda_handler"),
        ],
        env=_environ(ground, paths),
        cwd=HERE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    made = Emulated(port, process)
    try:
        made.wait_ready()
        yield made
    finally:
        made.close()


def _environ(ground: Ground, paths: Sequence[str]) -> dict[str, str]:
    return ground.environ(
        PATH=os.environ["PATH"],
        PYTHONPATH=os.pathsep.join([*paths, ground.runtime_client]),
        LAMBDA_TASK_ROOT=str(HERE),
        AWS_LAMBDA_FUNCTION_TIMEOUT="15",
        BENCH_TAKES=KEYS,
        BENCH_FOLDER=str(HERE),
        BARE_MONGO_URI=ground.mongo_uri("bare"),
    )


def _rie() -> Path:
    """The emulator's program, as SAM CLI carries it. Raises LocalError."""
    machine = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    for found in (TOOLS / "venvs" / "sam").glob(f"lib/*/site-packages/**/aws-lambda-rie-{machine}"):
        return found
    raise LocalError("SAM CLI has no runtime interface emulator for this machine")
