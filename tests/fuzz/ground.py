"""Where the API is asked anything at all: real stores, people and what they have, AWS in memory."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from ops.check import check
from slotkeeper import bootstrap
from slotkeeper.adapters.mongo.indexes import create_indexes
from slotkeeper.adapters.redis.client import connect as connect_redis
from tests.crash.cloud import Cloud, listening
from tests.crash.stage import cold_start, failed_of
from tests.fuzz.gateway import Gateway
from tests.support import identity_provider
from tests.support.aws_events import Context, sqs_event
from tests.support.house import House
from tests.support.identity_provider import IdentityProvider
from tests.support.servers import Stores

ROLES = ("patient", "staff", "admin", "anonymous")
HOLD = timedelta(hours=1)
RECEIVES = 5
BATCH = 10
SETTINGS = {
    "NOTIFICATION_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/notifications",
    "OTP_SECRET_ID": "otp-keys",
    "RELAY_FUNCTION_NAME": "relay",
    "EMAIL_FROM": "clinic@example.org",
    "JWT_AUDIENCE": identity_provider.AUDIENCE,
    "REQUIRE_TLS": "false",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    # What is looked for lies behind these.
    "RATE_LIMIT_IP": "0",
    "RATE_LIMIT_READS": "0",
    "RATE_LIMIT_WRITES": "0",
    "MAX_LIVE_HOLDS": "1000",
    "OTP_DAILY_PER_USER": "1000",
    "OTP_DAILY_PER_PHONE": "1000",
    "OTP_MAX_FAILURES": "1000",
    "OTP_RESEND_WAIT_SECONDS": "0",
    "FORBID_OVERLAPS": "false",
    # As long as any run.
    "HOLD_SECONDS": str(int(HOLD.total_seconds())),
    "OTP_SECONDS": "600",
}
OTHERS: Mapping[str, str] = {
    "phone": "+15559870123",
    "email": "zanzibar.quillfeather@private.example",
    "reason": "a reason of Quillfeather's own",
}
"""Of somebody who never asks: nobody is ever told, and no log says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who asks, by role, and what there is for them to find."""

    ids: Mapping[str, str]
    tokens: Mapping[str, str]
    doctor: str
    other_doctor: str
    """Of a clinic that is nobody's here."""
    slots: Sequence[str]
    bookings: Sequence[str]
    attempts: Sequence[str]
    other_booking: str
    other_attempt: str


@dataclass
class Ground:
    """Everything behind the API, and the API in this process (`gateway`)."""

    house: House
    cloud: Cloud
    gateway: Gateway
    environment: Mapping[str, str]
    """For functions in other processes."""
    people: People
    dead: list[str] = field(default_factory=list)
    """Messages that were received so often that SQS would have set them aside."""

    @property
    def database(self) -> Database[dict[str, Any]]:
        return self.house.database

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:  # Any: a handler's answer
        handler = _handler(function)
        return handler(dict(event), Context(remaining_ms=60_000, aws_request_id=str(uuid.uuid4())))

    def come_to_rest(self) -> None:
        """What schedules and the queue do by themselves, until there is nothing to do."""
        for _ in range(3):
            self.invoke("expire_locks", {})
            self.invoke("relay_outbox", {})
            for _ in range(RECEIVES):
                waiting, self.cloud.queue[:] = list(self.cloud.queue), []
                for start in range(0, len(waiting), BATCH):
                    bodies = waiting[start : start + BATCH]
                    answer = self.invoke("send_notification", sqs_event(*bodies))
                    self.cloud.queue += [bodies[number] for number in failed_of(answer)]
            self.dead += self.cloud.queue
            self.cloud.queue.clear()

    def state(self, *, but_for: str = "") -> tuple[Mapping[str, str], Mapping[str, Any], int]:
        """All that a refused request may not change, but for a collection, to be compared."""
        hashes = self.database.command("dbHash")["collections"]
        hashes.pop(but_for, None)
        redis = self.house.redis
        # Who looked at what, and how often who asked, is no state of anybody's appointments.
        keys = [k for k in self.redis_keys() if ":cache:" not in k and ":rl:" not in k]
        return hashes, {key: redis.dump(key) for key in keys}, len(self.cloud.queue)

    def redis_keys(self) -> list[str]:
        return sorted(self.house.redis.scan_iter(f"{self.house.keys.environment}:*", count=1000))

    def what_is_left(self) -> list[str]:
        """Everything that is not as it must be once all is at rest."""
        self.come_to_rest()
        environment = self.house.keys.environment
        broken = check(self.database, self.house.redis, environment=environment, longest_hold=HOLD)
        endless = [k for k in self.redis_keys() if self.house.redis.pttl(k) == -1]
        pending = self.database["outbox"].count_documents({"unsent": True})
        return [
            *(f"ops.check: {violation}" for violation in broken),
            *(f"a key without an end: {key}" for key in endless),
            *(f"a message that failed for good: {body[:200]}" for body in self.dead),
            *([f"{pending} events are unsent"] if pending else []),
            *([f"{len(self.cloud.queue)} messages wait"] if self.cloud.queue else []),
        ]


def _handler(function: str) -> Any:
    from importlib import import_module

    return import_module(f"functions.{function}.app").lambda_handler


@contextmanager
def made(stores: Stores, mongo: MongoClient[dict[str, Any]]) -> Iterator[Ground]:
    """A ground of its own: settings for this process too, until the end of the block."""
    name = f"f{uuid.uuid4().hex[:12]}"
    create_indexes(mongo[name])
    cloud = Cloud(secrets={"otp-keys": json.dumps({"k1": "secret of k1"})})
    with (
        pytest.MonkeyPatch.context() as patch,
        connect_redis(stores.redis_url) as redis,
        listening(cloud) as port,
        identity_provider.running() as provider,
    ):
        environment = {
            **SETTINGS,
            "ENVIRONMENT": name,
            "MONGO_URI": stores.database_uri(name),
            "REDIS_URL": stores.redis_url,
            "JWT_ISSUER": provider.issuer,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        }
        for variable, value in environment.items():
            patch.setenv(variable, value)
        cold_start(keeping=set())
        policy = bootstrap.policy()
        house = House.on(stores.database_uri(name), redis, environment=name, policy=policy)
        yield Ground(
            house=house,
            cloud=cloud,
            gateway=Gateway(),
            environment={**os.environ, **environment},
            people=_people(house, provider),
        )
        bootstrap.database().client.close()
        house.database.client.close()
        for key in redis.scan_iter(f"{name}:*", count=1000):
            redis.unlink(key)
    cold_start(keeping=set())
    mongo.drop_database(name)


def _people(house: House, provider: IdentityProvider) -> People:
    doctor, other_doctor = house.doctor("clinic-1"), house.doctor("clinic-2")
    slots = [house.slot(doctor, starts_in=timedelta(days=2, minutes=30 * n)) for n in range(600)]
    ids = {
        "patient": house.patient(phone="+15550100", email="alice@example.com"),
        "staff": house.patient(phone="+15550102", email="carol@example.com", clinicId="clinic-1"),
        "admin": house.patient(phone="+15550104", email="root@example.com"),
    }
    other = house.patient(phone=OTHERS["phone"], email=OTHERS["email"])
    theirs = [house.slot(other_doctor, starts_in=timedelta(days=n)) for n in (3, 4)]
    other_booking = house.book(theirs[0], other).id
    other_attempt = house.hold(theirs[1], other)
    mine, free = slots[:8], slots[8:]
    for number, user in enumerate(ids.values()):
        # Nobody knows of these, to cancel them: who is expected is not forgotten.
        house.book(house.slot(doctor, starts_in=timedelta(days=30, minutes=30 * number)), user)
    bookings = [house.book(slot, ids["patient"]).id for slot in mine[:6]]
    attempts = [house.hold(slot, ids["patient"]) for slot in mine[6:]]
    end = int(time.time()) + 6 * 3600
    tokens = {
        role: provider.bearer(sub=user, exp=end, **{"cognito:groups": [role]})
        for role, user in ids.items()
    }
    return People(
        ids=ids,
        tokens=tokens,
        doctor=doctor,
        other_doctor=other_doctor,
        slots=free,
        bookings=bookings,
        attempts=attempts,
        other_booking=other_booking,
        other_attempt=other_attempt,
    )
