"""The Redis client, and the one way every call to it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from slotkeeper.domain.errors import Unavailable

if TYPE_CHECKING:
    from redis.client import Pipeline

CALL_SECONDS = 0.5
Command = Callable[["Pipeline"], Any]  # Any: what a command answers is read where it is known


def connect(url: str) -> Redis:
    """A client for one Redis server. Connects at the first call, not here.

    RESP2 and no client name: a new connection costs no further round trips. One retry on a fresh
    connection, for those that went stale while the function was frozen: a command that was carried
    out the first time finds itself (same owner, same attempt). No more, as MongoDB decides anyway.
    """
    return Redis.from_url(
        url,
        decode_responses=True,
        protocol=2,
        driver_info=None,
        socket_timeout=CALL_SECONDS,
        socket_connect_timeout=CALL_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )


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
    with call(), redis.pipeline(transaction=False) as pipeline:
        for command in commands:
            command(pipeline)
        return pipeline.execute()


@cache
def script(name: str) -> str:
    """The text of a Lua script. Sent as it is (EVAL): no cache of the server's to lose."""
    return files("slotkeeper.adapters.redis").joinpath("scripts", f"{name}.lua").read_text()
