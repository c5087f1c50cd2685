"""A process whose children are invocations, each of which ends itself by SIGKILL where it is cut.

Reads jobs from its input, one JSON object a line, and answers each with how its child ended. It
imports everything once and connects to nothing: so a child costs a fork, not a start of Python.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import patch

from slotkeeper import bootstrap
from tests.crash.drivers import watched
from tests.crash.life import Cut, Life, in_turn, lived, sigkill
from tests.support.aws_events import Context

HANDLERS: dict[str, Callable[..., Any]] = {}


def live(job: Mapping[str, Any]) -> None:
    """The one invocation of this process."""
    os.environ.update(job["environment"])
    os.dup2(2, 1)
    life = Life(cut=Cut(*job["cut"]), is_reversed=job["isReversed"], end=sigkill)
    handler = HANDLERS[job["function"]]
    context = Context(remaining_ms=job["timeMs"], aws_request_id=job["requestId"])
    together = patch.object(bootstrap, "together", in_turn)
    with together, watched(ports=job["ports"], provider=job["provider"]), lived(life):
        handler(job["event"], context)
    if life.strangers:
        raise AssertionError(life.strangers)


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                live(job)
            except BaseException:  # noqa: BLE001  # told, and then this process is over
                traceback.print_exc()
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        HANDLERS[name] = importlib.import_module(f"functions.{name}.app").lambda_handler
    for package in ("mongo", "redis", "aws", "payment"):
        # What bootstrap imports at first use, once for all children.
        found = importlib.import_module(f"slotkeeper.adapters.{package}")
        for module in pkgutil.iter_modules(found.__path__, f"{found.__name__}."):
            importlib.import_module(module.name)
    main()
