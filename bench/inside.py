"""A function in a process of its own: on its layers alone, as Lambda starts and calls it.

    python -I -S -B inside.py '{"paths": [...], "runtime": "...", "takes": "...", ...}'

Says first how it started, then answers each line of stdin, `{"events": [...]}`, with a line of
results. Standard library and Lambda's runtime client only, but for what the function imports.
"""

from __future__ import annotations

import cProfile
import importlib.machinery
import json
import os
import pstats
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MILLION = 1e6
MARK = "bench: init begins\n"
"""On stderr, where `-X importtime` tells of imports: what comes after is the function's."""
_PARSERS = frozenset({"validate_json", "from_json", "decode"})
"""The compiled functions that read JSON, of pydantic and msgspec."""
_LONG = 1_000
"""Characters: as many as a page has, and no line of the log."""


class Context:
    """Of one invocation, as Lambda gives it."""

    function_name = "bench"
    function_version = "1"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:bench"

    def __init__(self) -> None:
        self.aws_request_id = str(uuid.uuid4())

    def get_remaining_time_in_millis(self) -> int:
        return 15_000


def main() -> None:
    asked = json.loads(sys.argv[1])
    told = os.fdopen(os.dup(1), "w")
    # What a function logs is made and written, and read by nobody.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _import_runtime_client(asked["runtime"])
    sys.path[:0] = asked["paths"]
    if asked["counts"]:
        sys.path.append(os.path.dirname(os.path.abspath(__file__)))
        import trips  # before the function opens a connection
    compiled = _counting_compilations()
    sys.stderr.write(MARK)
    began, cpu = time.perf_counter(), time.process_time()
    import app

    started = {
        "init_ms": (time.perf_counter() - began) * 1000,
        "init_cpu_ms": (time.process_time() - cpu) * 1000,
        "init_mb": peak_mb(),
        "modules": sorted(sys.modules),
        "compiled": compiled,
    }
    if asked["sender"]:
        cpu = time.process_time()
        getattr(sys.modules["slotkeeper.bootstrap"], asked["sender"])()
        started["sender_cpu_ms"] = (time.process_time() - cpu) * 1000
    if asked["takes"]:
        sys.path.append(os.path.dirname(os.path.abspath(__file__)))
        from taking import have_aws_take

        have_aws_take(asked["takes"])
    print(json.dumps(started), file=told, flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        if asked["counts"]:
            results = [_counted(trips, app.lambda_handler, event) for event in task["events"]]
            answer = {"results": results}
        elif task.get("profiles"):
            answer = _profiled(app.lambda_handler, task["events"])
        else:
            answer = {"results": [_invoke(app.lambda_handler, event) for event in task["events"]]}
        print(json.dumps({**answer, "peak_mb": peak_mb()}), file=told, flush=True)


def _import_runtime_client(path: str) -> None:
    """What is in memory before a function's init begins."""
    sys.path.insert(0, path)
    import awslambdaric.bootstrap  # noqa: F401

    sys.path.remove(path)


def _invoke(handler: Any, event: dict[str, Any]) -> dict[str, Any]:
    context = Context()
    began, cpu = time.perf_counter(), time.process_time()
    answer = handler(event, context)
    ended, cpu_ended = time.perf_counter(), time.process_time()
    is_http = isinstance(answer, dict) and "statusCode" in answer
    return {
        "ms": (ended - began) * 1000,
        "cpu_us": (cpu_ended - cpu) * MILLION,
        "status": int(answer["statusCode"]) if is_http else 0,
        "body": answer.get("body") if is_http else None,
    }


def _counted(trips: Any, handler: Any, event: dict[str, Any]) -> dict[str, Any]:
    with trips.counted(sys.modules["slotkeeper.bootstrap"].redis()) as seen, _reads() as read:
        result = _invoke(handler, event)
    return {
        **result,
        "mongo": len(seen.of("mongo")),
        "redis": len(seen.of("redis")),
        "in_sequence": seen.in_sequence,
        "parses": len(read),
    }


@contextmanager
def _reads() -> Iterator[list[str]]:
    """Whatever reads JSON in the block, in this thread."""
    read: list[str] = []

    def note(frame: Any, event: str, called: Any) -> None:
        if event == "call" and frame.f_code.co_name == "raw_decode":
            if len(frame.f_locals["s"]) >= _LONG:
                read.append("json")
        elif event == "c_call" and called.__name__ in _PARSERS:
            of = type(getattr(called, "__self__", None)).__module__ + str(called.__module__)
            if "pydantic" in of or "msgspec" in of:
                read.append(of)

    sys.setprofile(note)
    try:
        yield read
    finally:
        sys.setprofile(None)


def _profiled(handler: Any, events: list[dict[str, Any]]) -> dict[str, Any]:
    """The functions that took the most, by themselves; what runs at once runs in turn meanwhile."""
    bootstrap: Any = sys.modules["slotkeeper.bootstrap"]
    together = bootstrap.together
    bootstrap.together = lambda *calls: [call() for call in calls]
    # Of the process, not of the thread: a profile sees every thread (Python 3.12), and their clocks
    # have nothing to do with one another.
    profile = cProfile.Profile(time.process_time)
    try:
        profile.enable()
        results = [_invoke(handler, event) for event in events]
        profile.disable()
    finally:
        bootstrap.together = together
    stats: Any = pstats.Stats(profile)  # its rows have no types
    rows = sorted(stats.stats.items(), key=lambda item: item[1][2], reverse=True)
    return {
        "results": results,
        "profile": [
            {
                "where": f"{_short(path)}:{line} {name}" if line else name,
                "calls": calls / len(events),
                "us": own * MILLION / len(events),
            }
            for (path, line, name), (_, calls, own, _, _) in rows[:15]
        ],
    }


def _short(path: str) -> str:
    return path.rpartition("/python/")[2] or path.rpartition("/lib/python3")[2] or path


def peak_mb() -> float:
    """The most memory that this process has had."""
    with open("/proc/self/status") as status:
        [peak] = [line.split()[1] for line in status if line.startswith("VmHWM")]
    return int(peak) / 1024


def _counting_compilations() -> list[str]:
    """The modules that are compiled from now on, as their bytecode is missing or stale."""
    compiled: list[str] = []
    compile_ = importlib.machinery.SourceFileLoader.source_to_code

    def counting(self: Any, data: Any, path: Any, **options: Any) -> Any:
        compiled.append(str(path))
        return compile_(self, data, path, **options)

    importlib.machinery.SourceFileLoader.source_to_code = counting  # type: ignore[method-assign]
    return compiled


if __name__ == "__main__":
    main()
