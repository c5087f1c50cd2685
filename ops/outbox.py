"""What waits in the outbox: how much, how long, and which bookings wait the longest.

Exit codes: 0 it was told; 2 the database does not answer.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.database import Database

from ops import stores
from ops.telling import answer, say, table
from slotkeeper.adapters.mongo.documents import OUTBOX, OUTBOX_VERSION, Document

TOP = 10
_UNSENT = {"unsent": True}
_BY_AGE = "unsent"
_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Events of one aggregate (a booking, a slot) that were not sent."""

    aggregate_id: str
    events: int
    age_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The outbox at one instant; ages by the database's clock."""

    unsent: int
    leased: int
    later: int
    """Written by a version that this code does not know, left to relays that do."""
    set_aside: int
    oldest_seconds: float | None
    waiting: list[Waiting]

    @property
    def as_json(self) -> dict[str, Any]:
        return {
            "unsent": self.unsent,
            "oldestSeconds": self.oldest_seconds,
            "leased": self.leased,
            "ofALaterVersion": self.later,
            "setAside": self.set_aside,
            "aggregates": [
                {"id": one.aggregate_id, "events": one.events, "ageSeconds": one.age_seconds}
                for one in self.waiting
            ],
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["status"], nargs="?", default="status")
    parser.add_argument("--top", type=int, default=TOP, metavar="N", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    stores.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.top < 1:
        raise stores.OpsError("--top is at least 1")
    with stores.opened(stores.named(arguments)) as (database, _):
        told = status(database, top=arguments.top)
    answer(told.as_json, as_json=arguments.json, line="\n".join(_lines(told)))
    if told.set_aside:
        say("events that are set aside: python -m ops set-aside list")
    return 0


def status(database: Database[Document], *, top: int = TOP) -> Status:
    """Reads as much as there is unsent, by its index."""
    outbox = database[OUTBOX]
    leased = {"$and": [{"$eq": [{"$type": "$leasedUntil"}, "date"]}, _is_after("$leasedUntil")]}
    later = {"$and": [{"$isNumber": "$v"}, {"$gt": ["$v", OUTBOX_VERSION]}]}
    counted = {
        "unsent": {"$sum": 1},
        "leased": {"$sum": {"$cond": [leased, 1, 0]}},
        "later": {"$sum": {"$cond": [later, 1, 0]}},
        "oldest": {"$min": "$at"},
        "now": {"$first": "$$NOW"},
    }
    by_aggregate = {"_id": "$aggregateId", "events": {"$sum": 1}, "oldest": {"$min": "$at"}}
    total = next(iter(_aggregated(database, {"_id": None, **counted})), None)
    aggregates = _aggregated(
        database, {**by_aggregate, "now": {"$first": "$$NOW"}}, {"$sort": {"oldest": 1, "_id": 1}},
        {"$limit": top},
    )  # fmt: skip
    return Status(
        unsent=total["unsent"] if total else 0,
        leased=total["leased"] if total else 0,
        later=total["later"] if total else 0,
        set_aside=outbox.count_documents({"setAside.at": {"$exists": True}}, hint="set_aside"),
        oldest_seconds=_age(total) if total else None,
        waiting=[
            Waiting(
                aggregate_id=str(row["_id"]), events=row["events"], age_seconds=_age(row) or 0.0
            )
            for row in aggregates
        ],
    )


def unsent(database: Database[Document]) -> int:
    """How many events the relay has still to send: not those that it cannot."""
    ours = {**_UNSENT, "v": {"$not": {"$gt": OUTBOX_VERSION}}}
    return database[OUTBOX].count_documents(ours, hint=_BY_AGE)


def _aggregated(database: Database[Document], grouped: Document, *rest: Document) -> list[Document]:
    pipeline = [{"$match": _UNSENT}, {"$group": grouped}, *rest]
    return list(database[OUTBOX].aggregate(pipeline, hint=_BY_AGE, maxTimeMS=_SECONDS * 1000))


def _is_after(field: str) -> Document:
    return {"$gt": [field, "$$NOW"]}


def _age(row: Document) -> float | None:
    oldest, now = row.get("oldest"), row.get("now")
    if not isinstance(oldest, datetime) or not isinstance(now, datetime):
        return None
    return max(0.0, round((now - oldest).total_seconds(), 1))


def _lines(told: Status) -> list[str]:
    oldest = "" if told.oldest_seconds is None else f", the oldest for {told.oldest_seconds:.0f} s"
    more = [
        f"{count:,} {what}"
        for count, what in (
            (told.leased, "at a relay now"),
            (told.later, "of a later version"),
            (told.set_aside, "set aside"),
        )
        if count
    ]
    head = f"{told.unsent:,} events wait{oldest}" + (f"; {', '.join(more)}" if more else "")
    rows = [(one.aggregate_id, str(one.events), f"{one.age_seconds:.0f} s") for one in told.waiting]
    return [head, *table(rows)]
