"""Every violated invariant of a database, found by reading it from end to end.

Read-only. Memory does not grow with the database: sorted streams are read side by side, a page of
each at a time. A system at work raises no false alarm: see `passes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from pymongo.database import Database
from redis import Redis

from ops.check import passes
from ops.check.audit_chain import audit_violations
from ops.check.guards import guard_violations
from ops.check.moment import SEAL_GRACE, Moment
from ops.check.reader import Progress, Reader
from ops.check.redis_keys import KeyPass
from ops.check.rules import RULES
from ops.violation import Violation
from slotkeeper.adapters.mongo.documents import Document
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.domain.policy import BookingPolicy

GRACE = timedelta(minutes=2)
"""Within it the sweeps have completed what a function left half done (design, section 7)."""
LONGEST_HOLD = BookingPolicy().hold
"""The setting's default; what outlives it in Redis is not looked for elsewhere."""

__all__ = ["GRACE", "RULES", "SEAL_GRACE", "check", "check_what_is_read"]


def check(
    database: Database[Document],
    redis: Redis | None = None,
    *,
    environment: str = "",
    now: datetime | None = None,
    grace: timedelta = GRACE,
    longest_hold: timedelta = LONGEST_HOLD,
    seal_grace: timedelta | None = SEAL_GRACE,
    heads: Mapping[int, str] | None = None,
    progress: Progress | None = None,
) -> Iterator[Violation]:
    """Every violated invariant (design, section 6), as it is found.

    `now` is what holds and facts are judged by, else the database's clock. What is pending for less
    than `grace` is under way, and no violation. With `redis`, the keys under `<environment>:` too.
    `heads` are hashes of the audit chain's blocks by number, as they were noted elsewhere.

    Raises:
        PyMongoError, RedisError: a store did not answer; what was found until then stands.
    """
    reader = Reader(database, progress)
    moment = Moment(
        now=now or reader.now(), grace=grace, longest_hold=longest_hold, seal_grace=seal_grace
    )
    yield from check_what_is_read(
        reader, redis, environment=environment, moment=moment, heads=heads
    )


def check_what_is_read(
    reader: Reader,
    redis: Redis | None,
    *,
    environment: str,
    moment: Moment,
    heads: Mapping[int, str] | None = None,
) -> Iterator[Violation]:
    """The same of whatever `reader` reads."""
    yield from guard_violations(reader)
    yield from passes.slots(reader, moment)
    yield from passes.bookings(reader, moment)
    yield from passes.sagas(reader, moment)
    yield from passes.deliveries(reader, moment)
    yield from audit_violations(reader, moment, heads or {})
    if redis is not None:
        yield from KeyPass(redis, Keys(environment), reader, moment).violations()
