"""Nodes of a topology for tests that lose some: started for them, killed and frozen by name."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from local.config import Config
from local.processes import Server, stop_together
from slotkeeper.domain.errors import Unavailable

TRIES = 300
Answer = TypeVar("Answer")


@contextmanager
def running(config: Config, nodes: Sequence[Server]) -> Iterator[None]:
    """All of them ready; none left, nor their data, at the end."""
    try:
        for node in nodes:
            node.start()
        for node in nodes:
            node.wait_ready()
        yield
    finally:
        stop_together([node.pid_file for node in nodes])
        shutil.rmtree(config.state, ignore_errors=True)


def kill(node: Server) -> None:
    os.kill(_pid(node), signal.SIGKILL)


@contextmanager
def frozen(node: Server) -> Iterator[None]:
    """It keeps its connections and answers nothing."""
    os.kill(_pid(node), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(_pid(node), signal.SIGCONT)


def in_the_end(call: Callable[[], Answer]) -> tuple[int, Answer]:
    """How often it was refused as unavailable before it succeeded; any other failure is raised."""
    for refused in range(TRIES):
        try:
            return refused, call()
        except Unavailable:
            threading.Event().wait(0.1)
    raise AssertionError("it is still unavailable")


def _pid(node: Server) -> int:
    return int(json.loads(node.pid_file.read_text())["pid"])
