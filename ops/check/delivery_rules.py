"""What must hold of notifications: what was begun is finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from ops.check.moment import Moment
from ops.check.reader import Reader
from ops.check.rules import DELIVERY_UNFINISHED
from ops.check.stored import Delivery, Stored, delivery_stored, unfit
from ops.violation import Violation
from slotkeeper.adapters.mongo.documents import DELIVERIES

UNFINISHED_FOR = timedelta(days=1)
"""By then the queue has tried again often enough, or given up: either ends it."""


def read_deliveries(reader: Reader, ids: Sequence[object]) -> list[Stored[Delivery]]:
    return [delivery_stored(row) for row in reader.among(DELIVERIES, "_id", ids)]


def delivery_violations(stored: Stored[Delivery], moment: Moment) -> Iterator[Violation]:
    yield from unfit(stored)
    says = stored.says
    # A turn is over with its lease; whoever comes next takes it.
    is_due = says is not None and not says.is_sent and not says.is_turn
    if says and is_due and says.begun_at <= moment.now - UNFINISHED_FOR:
        yield DELIVERY_UNFINISHED.broken(stored.shown["_id"], stored.shown)
