"""How full the servers behind us are, looked at once a minute."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pymongo.database import Database
from redis import Redis
from redis.exceptions import RedisError

from slotkeeper.adapters.mongo import client as mongo
from slotkeeper.adapters.redis.cluster import Cluster
from slotkeeper.domain.errors import Unavailable
from slotkeeper.readings import note

_TOLD_OTHERWISE = (KeyError, TypeError, ValueError, ZeroDivisionError)
"""Of a server that is not quite one of those we know."""
_LEFT_OUT = dict.fromkeys(
    ("metrics", "wiredTiger", "locks", "repl", "tcmalloc", "transactions", "opLatencies"), 0
)
"""Of what `serverStatus` tells; it is much, and only the connections are asked for."""


def note_loads(database: Database[dict[str, Any]], redis: Redis) -> None:
    """Note each ratio that a server tells; one that may not be asked, or does not answer, is left.

    `mongodb_connections_ratio` is the primary's, `redis_memory_ratio` that of the fullest master
    (none where Redis has no limit), `redis_evicted_total` of all since they were started.
    """
    with suppress(Unavailable, *_TOLD_OTHERWISE):
        _note_connections(database)
    with suppress(RedisError, OSError, *_TOLD_OTHERWISE):
        _note_memory(redis)


def _note_connections(database: Database[dict[str, Any]]) -> None:
    with mongo.call(1.0):
        told = database.command({"serverStatus": 1, **_LEFT_OUT})["connections"]
    note("mongodb_connections_ratio", told["current"] / (told["current"] + told["available"]))


def _note_memory(redis: Redis) -> None:
    # Not as every call is made: a user who may not ask this is no error of Redis'.
    nodes = redis.masters() if isinstance(redis, Cluster) else [redis]
    told: list[Any] = [node.info("everything") for node in nodes]  # Any: redis-py's
    limited = [one["used_memory"] / one["maxmemory"] for one in told if one["maxmemory"]]
    if limited:
        note("redis_memory_ratio", max(limited))
    note("redis_evicted_total", sum(one["evicted_keys"] for one in told))
