"""Time that stands still until it is told to go on: the one seam for everything that looks at it.

`Time` is the functions' clock. `FrozenDatabase` gives MongoDB the frozen instant wherever a filter,
pipeline or projection says `$$NOW`; `FrozenRedis` gives it to scripts that ask for `TIME` and keeps
every key's lifetime by it. So everything that depends on time can be predicted to the millisecond.
All else is the real servers'.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from redis import ConnectionPool, Redis
from redis.client import Pipeline

Document = dict[str, Any]  # Any: whatever BSON holds
_SHIM = Path(__file__).with_suffix(".lua").read_text()
_NOW, _ENDS = "FROZEN:now", "FROZEN:ends"


class Time:
    """The app's `Clock`; moves by `advance` alone."""

    def __init__(self, start: datetime):
        self._now = start

    def now(self) -> datetime:
        return self._now

    @property
    def ms(self) -> int:
        return round(self._now.timestamp() * 1000)

    def advance(self, by: timedelta) -> None:
        self._now += by

    def set(self, to: datetime) -> None:
        self._now = to

    def into(self, value: Any) -> Any:  # Any: a filter, pipeline or projection, or a part of one
        """The same with the frozen instant where it says `$$NOW`; a caller's text is left alone."""
        match value:
            case "$$NOW":
                return {"$literal": self._now}
            case {"$literal": _, **rest} if not rest:
                return value
            case Mapping():
                return {name: self.into(part) for name, part in value.items()}
            case list() | tuple():
                return [self.into(part) for part in value]
            case _:
                return value


class FrozenDatabase(Database[Document]):
    """A database whose clock stands; its client, and so its sessions, are the real one's."""

    def __init__(self, client: MongoClient[Document], name: str, time: Time):
        super().__init__(client, name)
        self.time = time

    def __getitem__(self, name: str) -> Collection[Document]:
        return FrozenCollection(self, name)


class FrozenCollection(Collection[Document]):
    """Every statement that could hold `$$NOW`; arguments otherwise as they are."""

    def __init__(self, database: FrozenDatabase, name: str):
        super().__init__(database, name)
        self._time = database.time

    def _frozen(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        stated = {"filter", "projection", "update", "pipeline", "array_filters", "let"}
        return {k: self._time.into(v) if k in stated else v for k, v in kwargs.items()}

    def find(self, *args: Any, **kwargs: Any) -> Any:
        return super().find(*self._time.into(args), **self._frozen(kwargs))

    def find_one_and_update(self, *args: Any, **kwargs: Any) -> Any:
        return super().find_one_and_update(*self._time.into(args), **self._frozen(kwargs))

    def update_one(self, *args: Any, **kwargs: Any) -> Any:
        return super().update_one(*self._time.into(args), **self._frozen(kwargs))

    def update_many(self, *args: Any, **kwargs: Any) -> Any:
        return super().update_many(*self._time.into(args), **self._frozen(kwargs))

    def aggregate(self, *args: Any, **kwargs: Any) -> Any:
        return super().aggregate(*self._time.into(args), **self._frozen(kwargs))

    def count_documents(self, *args: Any, **kwargs: Any) -> Any:
        return super().count_documents(*self._time.into(args), **self._frozen(kwargs))

    def delete_many(self, *args: Any, **kwargs: Any) -> Any:
        return super().delete_many(*self._time.into(args), **self._frozen(kwargs))

    def bulk_write(self, requests: Any, *args: Any, **kwargs: Any) -> Any:
        return super().bulk_write([self._frozen_write(one) for one in requests], *args, **kwargs)

    def _frozen_write(self, write: Any) -> Any:
        frozen = copy.copy(write)
        for part in ("_filter", "_doc"):
            if hasattr(frozen, part):
                setattr(frozen, part, self._time.into(getattr(frozen, part)))
        return frozen


_KEYED = frozenset({"SET", "DEL", "PTTL", "TTL", "PEXPIRE", "ZREM", "HDEL", "TIME"})
"""What has to do with lifetimes: asks for one, sets one, or may delete the key that has one."""
_UNTOUCHED = frozenset(
    {
        "GET",
        "EXISTS",
        "SCAN",
        "KEYS",
        "PING",
        "TYPE",
        "HSET",
        "HGET",
        "HMGET",
        "HGETALL",
        "HLEN",
        "HKEYS",
    }
    | {"ZADD", "ZRANGE", "ZSCORE", "ZCARD", "INCR", "INCRBY", "HINCRBY", "MGET", "DBSIZE", "INFO"}
)


def _frozen_command(args: tuple[Any, ...]) -> tuple[Any, ...]:
    name = str(args[0])
    if name in _UNTOUCHED:
        return args
    if name == "EVAL":
        return ("EVAL", _SHIM + str(args[1]), *args[2:])
    if name in _KEYED:
        return ("EVAL", f"{_SHIM}\nreturn redis.call(unpack(ARGV))", 0, *args)
    raise NotImplementedError(f"{name} is not known to leave time alone")


class FrozenRedis(Redis):
    """A client of a real server, by a clock that stands. A server has one such clock."""

    def __init__(self, url: str, time: Time):
        # Time-outs as of a machine that is busy with other tests: no answer may depend on them.
        pool = ConnectionPool.from_url(url, decode_responses=True, protocol=2, socket_timeout=20)
        super().__init__(connection_pool=pool)
        self._clock = time
        self.clear()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        return self._as_it_is(*_frozen_command(args), **options)

    def _as_it_is(self, *args: Any, **options: Any) -> Any:
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py's

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        return _FrozenPipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )

    def clear(self) -> None:
        """Nothing is there any more; the time is what `Time` says."""
        self._as_it_is("FLUSHDB")
        self.tell_time()

    def tell_time(self) -> None:
        self._as_it_is("SET", _NOW, self._clock.ms)

    def lapse(self) -> None:
        """Tell the time, and delete the keys whose time is over: after the ms of their end."""
        self.tell_time()
        over = self._as_it_is("ZRANGEBYSCORE", _ENDS, "-inf", f"({self._clock.ms}")
        if over:
            self.delete(*over)

    def ends(self) -> dict[str, int]:
        """When each key that has a lifetime ends (ms since the epoch)."""
        found = self._as_it_is("ZRANGE", _ENDS, 0, -1, "WITHSCORES", withscores=True)
        return {str(key): int(score) for key, score in found}


class _FrozenPipeline(Pipeline):
    def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        return super().execute_command(*_frozen_command(args), **kwargs)  # type: ignore[no-untyped-call]  # redis-py's
