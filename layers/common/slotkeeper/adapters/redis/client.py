"""The one way every call to Redis is made, whatever its topology."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.exceptions import RedisError

from slotkeeper.adapters.redis.connect import connect as connect  # noqa: PLC0414  # re-exported
from slotkeeper.domain.errors import Unavailable

if TYPE_CHECKING:
    from redis.client import Pipeline

_WHOLE = re.compile(r"[0-9]{1,15}")
Command = Callable[["Pipeline"], Any]  # Any: what a command answers is read where it is known


@contextmanager
def call() -> Iterator[None]:
    """Translate failure.

    Raises:
        Unavailable: whatever kept Redis from answering.
    """
    try:
        yield
    except (RedisError, OSError) as error:
        raise Unavailable from error


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
    with call(), redis.pipeline(transaction=False) as pipeline:
        for command in commands:
            command(pipeline)
        return pipeline.execute(raise_on_error=False)


def whole(text: Any) -> int | None:  # Any: what Redis answered
    """The number that Redis keeps as this text; None if it is none of ours."""
    return int(text) if isinstance(text, str) and _WHOLE.fullmatch(text) else None


@cache
def script(name: str) -> str:
    """The text of a Lua script. Sent as it is (EVAL): no cache of the server's to lose."""
    return files("slotkeeper.adapters.redis").joinpath("scripts", f"{name}.lua").read_text()
