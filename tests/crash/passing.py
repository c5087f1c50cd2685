"""Time that passes at once: what was to lapse by then has lapsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from redis import Redis

A_MINUTE = timedelta(seconds=61)
"""Longer than every claim and lease: of a request, a lock, an outbox row, a delivery."""
A_HOLD = timedelta(minutes=6)

TIMES: Mapping[str, Sequence[str]] = {
    "slots": (
        *("hold.placedAt", "hold.expiresAt", "hold.otp.sentAt", "hold.otp.expiresAt"),
        *("hold.otp.previous.sentAt", "hold.otp.previous.expiresAt"),
    ),
    "outbox": ("leasedUntil",),
    "deliveries": ("leasedUntil",),
    "sagas": ("dueAt",),
}
"""What the database's clock is compared with: it cannot be set, its data can."""

_LAPSE = """
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  if redis.call('TYPE', key).ok == 'zset' then
    for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      redis.call('ZINCRBY', key, -ARGV[2], member)
    end
  end
  local left = redis.call('PTTL', key)
  if left >= 0 then
    redis.call('PEXPIRE', key, left - ARGV[2])
  end
end
"""


def pass_time(
    span: timedelta, *, database: Database[dict[str, Any]], redis: Redis, prefix: str
) -> None:
    """Everything is `span` later, but for when appointments start."""
    milliseconds = round(span.total_seconds() * 1000)
    redis.eval(_LAPSE, 0, f"{prefix}:*", str(milliseconds))
    for collection, times in TIMES.items():
        database[collection].update_many(
            {"$or": [{time: {"$type": "date"}} for time in times]},
            [{"$set": {time: _earlier(time, milliseconds)}} for time in times],
        )


def _earlier(time: str, milliseconds: int) -> Any:  # Any: an expression
    is_there = {"$eq": [{"$type": f"${time}"}, "date"]}
    earlier = {"$subtract": [f"${time}", milliseconds]}
    return {"$cond": [is_there, earlier, "$$REMOVE"]}


def open_transactions(mongo: MongoClient[dict[str, Any]]) -> list[dict[str, Any]]:
    """The sessions that have one open and nobody who works on it."""
    found = mongo.admin.aggregate(
        [
            {"$currentOp": {"allUsers": True, "idleSessions": True}},
            {"$match": {"active": False, "transaction": {"$exists": True}}},
        ]
    )
    return [operation["lsid"] for operation in found]


def end_transactions(mongo: MongoClient[dict[str, Any]], sessions: Sequence[Any]) -> None:
    """What the server does itself to those older than `transactionLifetimeLimitSeconds`."""
    if sessions:
        mongo.admin.command("killSessions", [{"id": lsid["id"]} for lsid in sessions])
