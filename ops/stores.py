"""The stores of a running system, as an operator names them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError
from redis import Redis
from redis.exceptions import RedisError

from slotkeeper.adapters.mongo.documents import Document
from slotkeeper.adapters.redis.connect import connect as connect_redis
from slotkeeper.redis_url import RedisMode

ELECTION_MS = 20_000
"""How long a new primary is waited for."""


class OpsError(Exception):
    """What keeps a command from its work, in one line for whoever runs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Where the stores are; no Redis where none is named."""

    mongo_uri: str
    redis_url: str | None
    redis_mode: RedisMode
    redis_sentinel_master: str
    environment: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_argument_group("where the system is")
    where.add_argument("--stack", type=Path, metavar="FILE", help="stack.json of a local system")
    where.add_argument("--mongo-uri", metavar="URI", help="database `slotkeeper` if it names none")
    where.add_argument("--redis-url", metavar="URL", help="without it, Redis is not looked at")
    where.add_argument("--redis-mode", choices=get_args(RedisMode), help="default: single")
    where.add_argument("--redis-sentinel-master", metavar="NAME", help="default: slotkeeper")
    where.add_argument("--environment", metavar="NAME", help="what the keys in Redis begin with")


def named(arguments: argparse.Namespace) -> Named:
    """The stores that the command's arguments name, or those of the stack file.

    Raises:
        OpsError: they name none, or not enough.
    """
    stack = _stack(arguments.stack) if arguments.stack else {}
    if arguments.mongo_uri:
        stack = {}  # a stack's Redis would not be this database's

    def one(name: str, default: str = "") -> str:
        return getattr(arguments, name) or stack.get(name) or default

    stores = Named(
        mongo_uri=one("mongo_uri"),
        redis_url=one("redis_url") or None,
        redis_mode=cast("RedisMode", one("redis_mode", "single")),
        redis_sentinel_master=one("redis_sentinel_master", "slotkeeper"),
        environment=one("environment"),
    )
    if not stores.mongo_uri:
        raise OpsError("name the database: --mongo-uri, or --stack FILE of a local system")
    if stores.redis_url and not stores.environment:
        raise OpsError("with --redis-url, name the --environment its keys begin with")
    return stores


@contextmanager
def opened(stores: Named) -> Iterator[tuple[Database[Document], Redis | None]]:
    """The database and Redis; their failures, in one line.

    Raises:
        OpsError: a store does not answer, or its address is none.
    """
    with ExitStack() as stack:
        try:
            client = stack.enter_context(_mongo(stores.mongo_uri))
            redis = stack.enter_context(_redis(stores)) if stores.redis_url else None
        except (InvalidURI, ConfigurationError, ValueError) as error:
            # Not the drivers' words: they may quote a password.
            raise OpsError("this is no address of a MongoDB, or of a Redis in its mode") from error
        try:
            yield client.get_default_database(default="slotkeeper"), redis
        except PyMongoError as error:
            raise OpsError(f"MongoDB does not answer as it should: {_short(error)}") from error
        except (RedisError, OSError) as error:
            raise OpsError(f"Redis does not answer as it should: {_short(error)}") from error


def _mongo(uri: str) -> MongoClient[Document]:
    return MongoClient(
        uri,
        appname="slotkeeper-ops",
        tz_aware=True,
        w="majority",
        readConcernLevel="majority",
        connectTimeoutMS=2_000,
        serverSelectionTimeoutMS=ELECTION_MS,
    )


def _redis(stores: Named) -> Redis:
    assert stores.redis_url is not None
    return connect_redis(
        stores.redis_url, stores.redis_mode, sentinel_master=stores.redis_sentinel_master
    )


def _stack(file: Path) -> dict[str, str]:
    try:
        stack = json.loads(file.read_text())
    except FileNotFoundError as error:
        raise OpsError(f"no {file}: the local system is not running (make run)") from error
    except (OSError, ValueError) as error:
        raise OpsError(f"{file} cannot be read as a stack file") from error
    if not isinstance(stack, dict):
        raise OpsError(f"{file} cannot be read as a stack file")
    return {name: value for name, value in stack.items() if isinstance(value, str)}


def _short(error: Exception) -> str:
    """The driver's first words; what follows them tells its own state, line after line."""
    words = " ".join(str(error).split())
    for rest in (" (configured timeouts", ", Timeout:", ", full error"):
        words = words.partition(rest)[0]
    return words[:200] or type(error).__name__
