"""What happens while a server does not answer, and after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pymongo
import pytest
from pymongo import MongoClient, WriteConcern

from local.processes import is_taken
from slotkeeper.adapters.dependencies import MongoPrimary, RedisServer
from slotkeeper.adapters.mongo.client import connect as connect_mongo
from slotkeeper.adapters.mongo.documents import USERS
from slotkeeper.adapters.redis.client import connect as connect_redis
from slotkeeper.adapters.redis.codes import RedisCodes
from slotkeeper.adapters.redis.gate import RedisGate
from slotkeeper.adapters.together import together
from slotkeeper.domain.errors import Unavailable
from slotkeeper.services.check_health import check_health
from tests.support.house import House
from tests.support.servers import NOBODY

REFUSED = 13  # Unauthorized: an answer no driver retries


@pytest.fixture
def without_redis(house: House) -> House:
    assert not is_taken(NOBODY)
    redis = connect_redis(f"redis://127.0.0.1:{NOBODY}/0")
    return replace(
        house,
        gate=RedisGate(redis, house.keys, house.policy),
        codes=RedisCodes(redis, house.keys, house.policy),
    )


@pytest.fixture
def failing(mongo: MongoClient[dict[str, Any]]) -> Iterator[Any]:
    """Make MongoDB fail the next command of that name, as its own failCommand does."""

    def fail(command: str, times: int = 1, **how: Any) -> None:
        mongo.admin.command(
            "configureFailPoint",
            "failCommand",
            mode={"times": times},
            data={"failCommands": [command], "appName": "slotkeeper", **how},
        )

    yield fail
    mongo.admin.command("configureFailPoint", "failCommand", mode="off")


@contextmanager
def _majority_unknown(mongo: MongoClient[dict[str, Any]]) -> Iterator[None]:
    """A primary that has what was written, and does not know yet that a majority has it."""
    mongo.admin.command("configureFailPoint", "disableSnapshotting", mode="alwaysOn")
    try:
        yield
    finally:
        mongo.admin.command("configureFailPoint", "disableSnapshotting", mode="off")
        # The next write tells what is on a majority; of themselves they come every ten seconds.
        mongo.admin.command("appendOplogNote", 1, data={"majority": "known again"})


def test_holding_without_redis_is_refused_and_touches_nothing(
    house: House, without_redis: House
) -> None:
    slot, alice = house.slot(), house.patient()

    with pytest.raises(Unavailable):
        without_redis.hold(slot, alice)

    assert house.document(slot)["status"] == "active"


def test_verifying_without_redis_is_refused_and_works_again_after(
    house: House, without_redis: House
) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    code = house.code(attempt, alice)

    with pytest.raises(Unavailable):
        without_redis.verify(attempt, alice, code)

    assert house.verify(attempt, alice, code).is_new


def test_the_sweep_and_the_relay_go_on_without_redis(house: House, without_redis: House) -> None:
    slot, alice = house.slot(), house.patient()
    house.hold(slot, alice)
    house.end_hold(slot)

    assert without_redis.sweep().expired == 1
    assert without_redis.relay().sent == 1


def test_a_hold_whose_code_cannot_be_queued_is_undone(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    house.queue.is_down = True

    with pytest.raises(Unavailable):
        house.hold(slot, alice, "k" * 16)

    assert house.document(slot)["status"] == "active"
    assert house.redis_keys() == []
    house.queue.is_down = False
    assert house.hold(slot, alice, "k" * 16)


def test_a_hold_mongodb_refuses_leaves_no_lock(house: House, failing: Any) -> None:
    slot, alice = house.slot(), house.patient()
    failing("findAndModify", errorCode=REFUSED)

    with pytest.raises(Unavailable):
        house.hold(slot, alice)

    assert house.redis_keys() == []
    assert house.document(slot)["status"] == "active"


def test_a_hold_placed_without_our_learning_of_it_is_undone(house: House, failing: Any) -> None:
    slot, alice = house.slot(), house.patient()
    failing(
        "findAndModify",
        writeConcernError={"code": 64, "errmsg": "waiting for replication timed out"},
    )

    with pytest.raises(Unavailable):
        house.hold(slot, alice)

    assert house.document(slot)["status"] == "active"
    assert house.redis_keys() == []


def test_a_profile_that_a_new_primary_cannot_read_yet_is_not_taken_for_none(
    house: House, mongo: MongoClient[dict[str, Any]]
) -> None:
    slot, alice = house.slot(), "alice"

    with _majority_unknown(mongo):
        profiles = house.database[USERS].with_options(write_concern=WriteConcern(1))
        profiles.insert_one({"_id": alice, "phone": "+15550123"})
        assert house.users.get(alice).phone is None  # so it reads
        with pytest.raises(Unavailable), pymongo.timeout(0.5):
            house.users.get_for_code(alice)

    assert house.hold(slot, alice)


def test_a_broken_connection_is_healed_by_the_driver(house: House, failing: Any) -> None:
    slot, alice = house.slot(), house.patient()
    failing("findAndModify", closeConnection=True)

    assert house.hold(slot, alice)


def test_a_write_the_driver_repeats_after_it_was_done_is_as_good_as_one(
    house: House, failing: Any
) -> None:
    slot, alice = house.slot(), house.patient()
    lost = {
        "writeConcernError": {"code": 262, "errmsg": "exceeded time limit"},
        "errorLabels": ["RetryableWriteError"],
    }
    failing("findAndModify", **lost)
    attempt = house.hold(slot, alice)
    code = house.code(attempt, alice)
    failing("findAndModify", **lost)

    confirmation = house.verify(attempt, alice, code)

    assert confirmation.is_new
    assert len(house.bookings()) == 1


def test_a_confirmation_without_our_learning_of_it_is_found_by_the_retry(
    house: House, failing: Any
) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    code = house.code(attempt, alice)
    failing(
        "findAndModify",
        writeConcernError={"code": 64, "errmsg": "waiting for replication timed out"},
    )
    with pytest.raises(Unavailable):
        house.verify(attempt, alice, code)

    confirmation = house.verify(attempt, alice, code)

    assert [b["_id"] for b in house.bookings()] == [confirmation.booking.id]
    assert len(house.events()) == len(house.audit()) == 1


def test_a_booking_whose_insert_failed_is_there_after_the_retry(house: House, failing: Any) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    code = house.code(attempt, alice)
    failing("insert", times=3, errorCode=REFUSED)
    with pytest.raises(Unavailable):
        house.verify(attempt, alice, code)

    house.relay()

    assert len(house.bookings()) == len(house.events()) == len(house.audit()) == 1
    assert not house.verify(attempt, alice, code).is_new


def test_health_tells_which_server_is_down(house: House) -> None:
    redis = connect_redis(f"redis://127.0.0.1:{NOBODY}/0")
    mongo = connect_mongo(f"mongodb://127.0.0.1:{NOBODY}/x?directConnection=true")

    states = check_health(
        dependencies=[MongoPrimary(house.database), RedisServer(redis)], together=together
    )
    down = check_health(dependencies=[MongoPrimary(mongo)], together=together)
    mongo.client.close()

    assert states == {"mongodb": True, "redis": False}
    assert down == {"mongodb": False}
