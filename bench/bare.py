"""What the libraries and the servers alone take: floors, on the layer's own versions.

    python -I -S bare.py '{"paths": [...], "runtime": "...", "imports": "..."}'
    python -I -S bare.py '{"paths": [...], "mongo": "...", "redis": "..."}'

The first says how long the imports take; the second answers lines of `{"op": ..., "n": ...}`. No
line of the product runs here. What each operation does is what the rules need at the least: a look
at Redis, one change of the slot's document, one transaction of two.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

PROTOCOL = "import json, socket, hmac, hashlib, uuid, hiredis, bson"
"""As little as can speak with both stores: what it gives up are retries, failover, transactions."""
F = """
import gc
gc.disable()
from pymongo import MongoClient
import redis
from pydantic import BaseModel
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
gc.enable()
"""
"""Importing the libraries that a request needs, and nothing else."""
_MADE = """
class Model(BaseModel):
    id: str
MongoClient(connect=False)
redis.Redis()
Logger(service="x")
Metrics(namespace="x", service="x")
"""
USABLE = F.replace("gc.enable()\n", "") + _MADE + "APIGatewayRestResolver()\ngc.enable()\n"
"""The same, and one of each made: what pydantic imports with the first model and not before."""
NAIVE = f"""
import boto3
from pymongo import MongoClient
import redis
from pydantic import BaseModel
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.utilities import idempotency, parameters
{_MADE}
APIGatewayRestResolver(enable_validation=True)
for service in ("sqs", "secretsmanager"):
    boto3.client(service, region_name="us-east-1")
"""
"""As it is often written: everything at the top. (Without the SDK that traces: no layer has it.)"""

HOLD = """
local answer = redis.call('GET', KEYS[2])
if answer then return answer end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
  return 'taken'
end
return redis.call('GET', KEYS[1])
"""
VERIFY = "local n = redis.call('INCR', KEYS[1]); redis.call('PEXPIRE', KEYS[1], ARGV[1]); return n"
PAGE = json.dumps(
    [{"id": f"doctor_{n}", "date": "2026-12-01", "status": "active"} for n in range(20)]
)


class Bare:
    """The operations, each on documents of its own, made before it is timed."""

    def __init__(self, mongo: str, redis_url: str):
        import redis
        from pymongo import ASCENDING, MongoClient

        self.client: Any = MongoClient(mongo)
        self.database = self.client["bare"]
        self.redis = redis.Redis.from_url(redis_url, protocol=2, decode_responses=True)
        self._hold = self.redis.register_script(HOLD)
        self._try = self.redis.register_script(VERIFY)
        self._forget = self.redis.register_script("return redis.call('DEL', KEYS[1])")
        self.number = 0
        self.made: list[str] = []
        self.redis.set("bare:page", PAGE)
        self.database.slots.create_index(
            [
                ("doctorId", ASCENDING),
                ("status", ASCENDING),
                ("startTime", ASCENDING),
                ("_id", ASCENDING),
            ]
        )

    def prepare(self, op: str, count: int) -> None:
        now = datetime.now(UTC)
        begin = self.number
        self.number += count
        self.made = [f"{os.getpid()}-{n}" for n in range(begin, begin + count)]
        if op in {"hold", "verify", "cancel"}:
            self.database.slots.insert_many(
                {
                    "_id": id_,
                    "doctorId": "doctor",
                    "startTime": now + timedelta(days=2, minutes=n),
                    "status": {"hold": "active", "verify": "reserved", "cancel": "booked"}[op],
                    "version": 1,
                    "hold": {"attemptId": id_},
                }
                for n, id_ in enumerate(self.made)
            )
        if op == "cancel":
            self.database.bookings.insert_many(
                {"_id": id_, "status": "confirmed"} for id_ in self.made
            )
        if op == "list_miss" and not self.database.slots.find_one({"doctorId": "listed"}):
            self.database.slots.insert_many(
                {
                    "_id": f"l{n}",
                    "doctorId": "listed",
                    "status": "active",
                    "startTime": now + timedelta(n),
                }
                for n in range(400)
            )
        if op == "taken":
            self.redis.set("bare:lock:taken", "somebody")

    def hold(self, id_: str) -> None:
        keys = (f"bare:lock:{id_}", f"bare:key:{id_}")
        self._hold(keys=keys, args=(id_, 300_000))
        self.database.slots.find_one_and_update(
            {"_id": id_, "status": "active"},
            {"$set": {"status": "reserved", "hold": {"attemptId": id_}}, "$inc": {"version": 1}},
        )

    def taken(self, id_: str) -> None:
        self.redis.set("bare:lock:taken", id_, nx=True, px=300_000)

    def verify(self, id_: str) -> None:
        self._try(keys=(f"bare:tries:{id_}",), args=(300_000,))

        def confirm(session: Any) -> None:
            self.database.slots.find_one_and_update(
                {"_id": id_, "status": "reserved"},
                {"$set": {"status": "booked"}, "$inc": {"version": 1}},
                session=session,
            )
            self.database.bookings.insert_one({"_id": id_, "status": "confirmed"}, session=session)

        with self.client.start_session() as session:
            session.with_transaction(confirm)
        self._forget(keys=(f"bare:tries:{id_}",))

    def cancel(self, id_: str) -> None:
        def end(session: Any) -> None:
            self.database.bookings.find_one_and_update(
                {"_id": id_, "status": "confirmed"},
                {"$set": {"status": "cancelled"}},
                session=session,
            )
            self.database.slots.update_one(
                {"_id": id_, "status": "booked"}, {"$set": {"status": "active"}}, session=session
            )
            self.database.events.insert_one({"_id": id_}, session=session)

        with self.client.start_session() as session:
            session.with_transaction(end)
        self.redis.delete(f"bare:lock:{id_}")

    def get(self, _: str) -> None:
        self.redis.get("bare:page")

    def list_miss(self, _: str) -> None:
        list(
            self.database.slots.find(
                {"doctorId": "listed", "status": "active"},
                {"startTime": 1, "status": 1, "doctorId": 1},
            )
            .sort([("startTime", 1), ("_id", 1)])
            .limit(21)
        )


def _peak_mb() -> float:
    with open("/proc/self/status") as status:
        [peak] = [line.split()[1] for line in status if line.startswith("VmHWM")]
    return int(peak) / 1024


def main() -> None:
    asked = json.loads(sys.argv[1])
    if runtime := asked.get("runtime"):
        sys.path.insert(0, runtime)
        import awslambdaric.bootstrap  # noqa: F401  # in memory before an init begins

        sys.path.remove(runtime)
    sys.path[:0] = asked["paths"]
    if imports := asked.get("imports"):
        began, cpu = time.perf_counter(), time.process_time()
        exec(imports, {"__name__": "bare"})  # noqa: S102  # this module's own text
        wall = (time.perf_counter() - began) * 1000
        cpu_ms = (time.process_time() - cpu) * 1000
        print(json.dumps({"ms": wall, "cpu_ms": cpu_ms, "init_mb": _peak_mb()}))
        return
    bare = Bare(asked["mongo"], asked["redis"])
    print("{}", flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        bare.prepare(told["op"], told["n"])
        operation = getattr(bare, told["op"])
        results = []
        for id_ in bare.made:
            began, cpu = time.perf_counter(), time.process_time()
            operation(id_)
            ended, cpu_ended = time.perf_counter(), time.process_time()
            results.append({"ms": (ended - began) * 1000, "cpu_us": (cpu_ended - cpu) * 1e6})
        print(json.dumps(results), flush=True)


if __name__ == "__main__":
    main()
