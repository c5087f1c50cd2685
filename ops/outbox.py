"""What waits in the outbox to be sent: how much, how long, and who holds it back.

Exit codes: 0 nothing is late; 1 an event waits for longer than --late seconds, or is set aside; 2
the database does not answer.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from typing import Any

from pymongo.database import Database

from ops import stores
from slotkeeper.adapters.mongo.documents import OUTBOX, Document

LATE_SECONDS = 120
"""Two runs of the relay: then something keeps it."""
_AGE_MS = {"$subtract": ["$$NOW", "$at"]}
_IS_LEASED = {"$gt": ["$leasedUntil", "$$NOW"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The outbox as it is now; ages in seconds, by the database's clock."""

    unsent: int
    leased: int
    oldest_seconds: float
    set_aside: int
    aggregates: list[tuple[str, int, float]]
    """The bookings and slots with the oldest: id, how many events, age of the first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["status"], nargs="?", default="status")
    parser.add_argument("--late", type=int, default=LATE_SECONDS, metavar="SECONDS")
    parser.add_argument("--most", type=int, default=10, metavar="N", help="of the oldest")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    stores.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.most < 1 or arguments.late < 1:
        raise stores.OpsError("--most and --late are at least 1")
    with stores.opened(stores.named(arguments)) as (database, _):
        found = waiting(database, most=arguments.most)
    if arguments.json:
        print(json.dumps(asdict(found)))
    else:
        print(f"{found.unsent} unsent, {found.leased} of them with a relay at this moment")
        print(f"oldest {found.oldest_seconds:.0f} s; {found.set_aside} set aside (ops set-aside)")
        for aggregate, count, age in found.aggregates:
            print(f"  {aggregate}  {count} events, the first {age:.0f} s old")
    return 1 if found.set_aside or found.oldest_seconds > arguments.late else 0


def waiting(database: Database[Document], *, most: int = 10) -> Waiting:
    """Raises PyMongoError."""
    groups: dict[str, Any] = {  # Any: MongoDB's own
        "all": [
            {
                "$group": {
                    "_id": None,
                    "unsent": {"$sum": 1},
                    "leased": {"$sum": {"$cond": [_IS_LEASED, 1, 0]}},
                    "oldest": {"$max": _AGE_MS},
                }
            }
        ],
        "each": [
            {"$group": {"_id": "$aggregateId", "count": {"$sum": 1}, "age": {"$max": _AGE_MS}}},
            {"$sort": {"age": -1, "_id": 1}},
            {"$limit": most},
        ],
    }
    [found] = database[OUTBOX].aggregate(
        [{"$match": {"unsent": True}}, {"$match": {"at": {"$type": "date"}}}, {"$facet": groups}]
    )
    counted = found["all"][0] if found["all"] else {"unsent": 0, "leased": 0, "oldest": 0}
    return Waiting(
        unsent=counted["unsent"],
        leased=counted["leased"],
        oldest_seconds=max(0, counted["oldest"]) / 1000,
        set_aside=database[OUTBOX].count_documents({"setAside": {"$exists": True}}),
        aggregates=[(str(one["_id"]), one["count"], one["age"] / 1000) for one in found["each"]],
    )
