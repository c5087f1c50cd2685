"""A Redis client for each mode, chosen by settings alone."""

from __future__ import annotations

from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from slotkeeper.adapters.redis.cluster import Cluster
from slotkeeper.redis_url import RedisMode, RedisUrl, read

CALL_SECONDS = 0.5
ASK_SECONDS = 0.2
"""A Sentinel answers from memory; the next one is asked of one that does not."""


def connect(url: str, mode: RedisMode = "single", *, sentinel_master: str = "slotkeeper") -> Redis:
    """A client of the Redis behind `url`. Connects at the first call, not here.

    RESP2 and no client name: a new connection costs no further round trips. One retry on a fresh
    connection, for those that went stale while the function was frozen: a command that was carried
    out the first time finds itself (same owner, same attempt). No more, as MongoDB decides anyway.

    Raises:
        ValueError: the URL does not fit the mode.
    """
    asked = read(url, mode)
    match mode:
        case "single":
            [(host, port)] = asked.hosts
            return Redis(host=host, port=port, **_server(asked), retry=_retries(1))
        case "sentinel":
            return _by_sentinels(asked, sentinel_master)
        case "cluster":
            return Cluster(asked.hosts, _server(asked))


def _by_sentinels(asked: RedisUrl, master: str) -> Redis:
    """Each new connection asks the Sentinels who is master; one that turned replica is given up."""
    sentinels: Any = Sentinel(  # type: ignore[no-untyped-call]  # redis-py's
        list(asked.hosts),
        sentinel_kwargs=_common(asked)
        | {
            "username": asked.sentinel_username,
            "password": asked.sentinel_password,
            "socket_timeout": ASK_SECONDS,
            "socket_connect_timeout": ASK_SECONDS,
            # redis-py asks ten times by default, and waits in between.
            "retry": _retries(0),
        },
    )
    client: Redis = sentinels.master_for(master, **_server(asked), retry=_retries(1))
    return client


def _server(asked: RedisUrl) -> dict[str, Any]:
    """How to speak to a server that holds data."""
    return _common(asked) | {
        "db": asked.db,
        "username": asked.username,
        "password": asked.password,
        "socket_timeout": CALL_SECONDS,
        "socket_connect_timeout": CALL_SECONDS,
    }


def _common(asked: RedisUrl) -> dict[str, Any]:
    tls: dict[str, Any] = {"ssl": True, **asked.tls} if asked.is_tls else {}
    if "ssl_check_hostname" in tls:
        tls["ssl_check_hostname"] = tls["ssl_check_hostname"] == "yes"
    # Bytes that are no text become a text that equals none of ours: one garbled value is no error.
    text = {"decode_responses": True, "encoding_errors": "replace"}
    return {**text, "protocol": 2, "driver_info": None, **tls}


def _retries(count: int) -> Retry:
    return Retry(NoBackoff(), count)
