"""The MongoDB client, and the one way every call to it is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pymongo
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError, ServerSelectionTimeoutError
from pymongo.monitoring import CommandListener

from slotkeeper import deadline, tracing
from slotkeeper.adapters.mongo.timed import Timed
from slotkeeper.domain.errors import Unavailable
from slotkeeper.readings import note

if TYPE_CHECKING:
    from slotkeeper.adapters.mongo.documents import Document

CALL_SECONDS = 3.0


def connect(uri: str) -> Database[Document]:
    """The database that `uri` names. Connects at the first call, not here.

    The guarantees are stated here rather than left to the server's defaults: a confirmation that
    was answered is on a majority of the replica set.
    """
    client: MongoClient[Document] = MongoClient(
        uri,
        appname="slotkeeper",
        event_listeners=[Timed(), *_tracing()],
        tz_aware=True,
        # What a driver cannot read of one document must not cost the others of its batch: times
        # out of range and broken texts come as what `fields` refuses or nothing equals.
        datetime_conversion="DATETIME_AUTO",
        unicode_decode_error_handler="replace",
        w="majority",
        readConcernLevel="majority",
        retryWrites=True,
        retryReads=True,
        connectTimeoutMS=1_000,
        serverSelectionTimeoutMS=2_000,
        # A primary that hangs is noticed by the heartbeat alone; by default that takes 11 seconds.
        heartbeatFrequencyMS=2_000,
        timeoutMS=int(CALL_SECONDS * 1000),
        # One invocation at a time, which runs at most a handful of calls together.
        maxPoolSize=10,
        maxIdleTimeMS=60_000,
    )
    return client.get_default_database(default="slotkeeper")


def _tracing() -> list[CommandListener]:
    if not tracing.is_on():
        return []
    from slotkeeper.adapters.mongo.traced import Traced

    return [Traced()]


@contextmanager
def call(seconds: float = CALL_SECONDS) -> Iterator[None]:
    """Bound a call (or a few that belong together) by the invocation's time; translate failure.

    Raises:
        Unavailable: whatever kept MongoDB from answering; the driver's words stay in the log.
    """
    try:
        with pymongo.timeout(deadline.seconds_left(seconds)):
            yield
    except PyMongoError as error:
        if isinstance(error, ServerSelectionTimeoutError):
            # No command was sent that could be seen to fail.
            note("mongodb_errors_total", 1, "connect")
        raise Unavailable from error
