"""One person's data, as an operator asks for it on their behalf: the layer's use cases, wired."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from pymongo.database import Database
from redis import Redis

from ops import stores
from ops.stores import OpsError
from slotkeeper.adapters.mongo.booked_slots import MongoBookedSlots
from slotkeeper.adapters.mongo.documents import Document
from slotkeeper.adapters.mongo.ledger import MongoLedger
from slotkeeper.adapters.mongo.people import MongoUsers
from slotkeeper.adapters.mongo.personal import MongoPersonalData
from slotkeeper.adapters.mongo.sagas import MongoSagas
from slotkeeper.adapters.mongo.slots import MongoSlots
from slotkeeper.adapters.redis.breaker import Breaker
from slotkeeper.adapters.redis.gate import RedisGate
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.adapters.redis.pages import RedisSlotPages
from slotkeeper.adapters.redis.personal import RedisPersonalKeys
from slotkeeper.adapters.redis.views import RedisViews
from slotkeeper.adapters.together import together
from slotkeeper.bootstrap import SystemClock
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.domain.timetable import Asked
from slotkeeper.services.change_booking import BookingEnds

OPERATOR = "operator"
"""The actor of what an operator asks for; who that is, their own log-in tells."""


class NoRelay:
    """`RelayWaker` of who cannot call it: its schedule comes within a minute."""

    def wake(self) -> None:
        pass


@dataclass(frozen=True)
class House:
    """A system's adapters, on the stores that the command names."""

    database: Database[Document]
    redis: Redis
    keys: Keys

    @property
    def data(self) -> MongoPersonalData:
        return MongoPersonalData(self.database)

    @property
    def kept(self) -> RedisPersonalKeys:
        return RedisPersonalKeys(self.redis, self.keys)

    @property
    def users(self) -> MongoUsers:
        return MongoUsers(self.database)

    @property
    def views(self) -> RedisViews:
        kept = timedelta(seconds=1)  # how long it is kept counts for what writes alone
        return RedisViews(self.redis, self.keys, breaker=Breaker(SystemClock()), kept=kept)

    @property
    def slots(self) -> MongoSlots:
        return MongoSlots(self.database, BookingPolicy())

    @property
    def ledger(self) -> MongoLedger:
        # Whether payments are taken or not: without any there is nothing to give back.
        return MongoLedger(self.database, takes_payment=True)

    @property
    def sagas(self) -> MongoSagas:
        return MongoSagas(self.database)

    @property
    def gate(self) -> RedisGate:
        return RedisGate(self.redis, self.keys, BookingPolicy())

    @property
    def ends(self) -> BookingEnds:
        pages = RedisSlotPages(
            self.redis,
            self.keys,
            clock=SystemClock(),
            breaker=Breaker(SystemClock()),
            views=self.views,
            kept=timedelta(0),
        )
        return BookingEnds(
            slots=MongoBookedSlots(self.database, BookingPolicy()),
            ledger=self.ledger,
            pages=pages,
            relay=NoRelay(),
            together=together,
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", required=True, metavar="ID", help="the subject of their tokens")
    stores.add_arguments(parser)


@contextmanager
def opened(arguments: argparse.Namespace) -> Iterator[House]:
    """The system that the arguments name.

    Raises:
        OpsError: they do not name both stores, or one does not answer.
    """
    named = stores.named(arguments)
    if not named.redis_url:
        raise OpsError("name Redis too (--redis-url): it holds some of a person's data")
    with stores.opened(named) as (database, redis):
        assert redis is not None
        try:
            yield House(database, redis, Keys(named.environment))
        except Unavailable as error:
            raise OpsError("a store does not answer; run it again: it completes itself") from error


def asked() -> Asked:
    request = uuid.uuid4().hex
    return Asked(actor=OPERATOR, request_id=request, request_key=request)
