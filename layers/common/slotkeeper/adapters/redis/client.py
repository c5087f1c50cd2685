"""The one way every call to Redis is made, whatever its topology."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.exceptions import RedisError

from slotkeeper import tracing
from slotkeeper.adapters.redis.connect import connect as connect  # noqa: PLC0414  # re-exported
from slotkeeper.domain.errors import Unavailable
from slotkeeper.readings import note

if TYPE_CHECKING:
    from redis.client import Pipeline

_TOGETHER = "pipeline"
_SCRIPTS = Path(__file__).with_name("scripts")
_WHOLE = re.compile(r"[0-9]{1,15}")
Command = Callable[["Pipeline"], Any]  # Any: what a command answers is read where it is known


@contextmanager
def call(command: str, size: int = 1) -> Iterator[None]:
    """Note how long `command` (or a trip of `size` commands) takes, and translate failure.

    Raises:
        Unavailable: whatever kept Redis from answering.
    """
    began = time.perf_counter()
    try:
        with tracing.start(
            f"redis {command}",
            "client",
            {
                "db.system.name": "redis",
                "db.operation.name": command,
                "db.operation.batch.size": size,
            },
        ):
            yield
    except (RedisError, OSError) as error:
        note("redis_errors_total", 1, command)
        raise Unavailable from error
    finally:
        note("redis_ms", (time.perf_counter() - began) * 1000, command)


def one_trip(redis: Redis, *commands: Command) -> list[Any]:
    """Send the commands in one round trip; their answers in order.

    Not a transaction: the keys may live on different nodes of a Cluster.

    Raises:
        Unavailable: Redis did not answer, or refused a command.
    """
    answers = one_trip_each(redis, *commands)
    for answer in answers:
        if isinstance(answer, Exception):
            raise Unavailable from answer
    return answers


def one_trip_each(redis: Redis, *commands: Command) -> list[Any]:
    """As `one_trip`, for who undoes what was done: a command that failed has its error for answer.

    Raises:
        Unavailable: nobody answered.
    """
    with redis.pipeline(transaction=False) as pipeline:
        for command in commands:
            command(pipeline)
        with call(_name_of(pipeline), len(commands)):
            answers = pipeline.execute(raise_on_error=False)
    for _ in filter(_is_error, answers):
        note("redis_errors_total", 1, _TOGETHER)
    return answers


def _name_of(pipeline: Pipeline) -> str:
    sent = pipeline.command_stack
    return str(sent[0][0][0]).lower() if len(sent) == 1 else _TOGETHER


def _is_error(answer: Any) -> bool:
    return isinstance(answer, Exception)


def whole(text: Any) -> int | None:  # Any: what Redis answered
    """The number that Redis keeps as this text; None if it is none of ours."""
    return int(text) if isinstance(text, str) and _WHOLE.fullmatch(text) else None


def script(name: str) -> str:
    """The text of a Lua script. Sent as it is (EVAL): no cache of the server's to lose.

    Read when a module is imported, so that no first request waits for it.
    """
    return (_SCRIPTS / f"{name}.lua").read_text()
