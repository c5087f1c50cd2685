"""The stage on which functions die."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from local.payment_simulator import running
from slotkeeper import bootstrap
from slotkeeper.adapters.mongo.indexes import INDEXES, create_indexes
from slotkeeper.adapters.redis.client import connect as connect_redis
from slotkeeper.entrypoints.observability import logger
from tests.crash.bank import Bank
from tests.crash.cloud import KEYS, Cloud
from tests.crash.drivers import watched
from tests.crash.life import in_turn
from tests.crash.stage import Stage, cold_start
from tests.crash.tally import TALLY
from tests.support import identity_provider
from tests.support.house import House
from tests.support.identity_provider import IdentityProvider
from tests.support.servers import Stores

SETTINGS = {
    "REQUIRE_TLS": "false",
    "NOTIFICATION_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/notifications",
    "OTP_SECRET_ID": KEYS,
    "PAYMENT_SECRET_ID": "payment",
    "RELAY_FUNCTION_NAME": "relay",
    "EMAIL_FROM": "clinic@example.org",
    "OTP_RESEND_WAIT_SECONDS": "0",
    "JWT_AUDIENCE": identity_provider.AUDIENCE,
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}


@contextmanager
def _without_journal(mongo: MongoClient[dict[str, Any]]) -> Iterator[None]:
    """A write is acknowledged when a majority has it in memory.

    Nobody kills mongod here, and what waits for the disk is most of what a run would wait for.
    """
    for waits in (False, True):
        config = mongo.admin.command("replSetGetConfig")["config"]
        changes = {"version": config["version"] + 1, "writeConcernMajorityJournalDefault": waits}
        mongo.admin.command("replSetReconfig", {**config, **changes})
        # What a majority has is not known under the new rules before it has something new.
        mongo.admin.command(
            "appendOplogNote", 1, data={"waits": waits}, writeConcern={"w": "majority"}
        )
        if not waits:
            yield


@pytest.fixture(scope="package")
def identity() -> Iterator[IdentityProvider]:
    """Who signs the tokens of the scenarios' people."""
    with identity_provider.running() as provider:
        yield provider


@pytest.fixture(scope="package")
def stage(
    stores: Stores, mongo: MongoClient[dict[str, Any]], identity: IdentityProvider
) -> Iterator[Stage]:
    """One database and one Redis prefix for all scenarios, emptied before each run."""
    name = f"c{uuid.uuid4().hex[:12]}"
    create_indexes(mongo[name])
    indexes = {of: set(mongo[name][of].index_information()) for of in INDEXES}
    uri = stores.mongo_uri.replace("/slotkeeper?", f"/{name}?")
    environment = {
        **SETTINGS,
        "ENVIRONMENT": name,
        "MONGO_URI": uri,
        "REDIS_URL": stores.redis_url,
        "JWT_ISSUER": identity.issuer,
    }
    cloud = Cloud(secrets={"payment": json.dumps({"apiKey": "sk_test_crash"})})
    asked = (stores.mongo_uri, stores.redis_url, identity.origin)
    ports = [urlsplit(url).port or 0 for url in asked]
    level = logger.log_level
    with (
        pytest.MonkeyPatch.context() as patch,
        connect_redis(stores.redis_url) as redis,
        running(Bank()) as simulator,
        _without_journal(mongo),
    ):
        environment["PAYMENT_API_BASE"] = simulator.url
        for variable, value in environment.items():
            patch.setenv(variable, value)
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setattr(bootstrap, "together", in_turn)
        logger.setLevel(logging.CRITICAL)
        cold_start(keeping=set())
        provider = simulator.server_port
        with watched(ports=ports, provider=provider, aws=cloud.answer):
            house = House.on(uri, redis, environment=name)
            fast = mongo.get_database(name, write_concern=WriteConcern(w=1))
            stage = Stage(
                house=house,
                cloud=cloud,
                simulator=simulator,
                mongo=mongo,
                fast=fast,
                ports=ports,
                indexes=indexes,
                identity=identity,
            )
            yield stage
            stage.empty()
            stage.under({})
            bootstrap.database().client.close()
            house.database.client.close()
        cold_start(keeping=set())
    logger.setLevel(level)
    mongo.drop_database(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TALLY.runs:
        terminalreporter.write_line(str(TALLY))
