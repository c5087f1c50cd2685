"""One call of `advance` moves everything that looks at a clock, and nothing asks a server's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pymongo.monitoring
import pytest
from msgspec import structs
from pymongo import MongoClient
from redis import Redis

from slotkeeper.adapters.mongo.documents import SLOTS
from slotkeeper.adapters.redis.breaker import Breaker
from slotkeeper.adapters.redis.limiter import RedisRateLimiter
from slotkeeper.domain.errors import HoldExpired, OtpInvalid, RateLimited, SlotHeld
from slotkeeper.domain.limits import RateLimit
from slotkeeper.domain.timetable import TimeChange
from tests.model.conftest import Founded
from tests.model.world import POLICY, SLOT_IDS, START, World
from tests.support.servers import Stores

SLOT = SLOT_IDS[2]
MS = timedelta(milliseconds=1)


class Sent(pymongo.monitoring.CommandListener):
    """The text of every command that went to the server."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        self.texts.append(str(event.command))

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None: ...


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def world(found: Founded, stores: Stores, sent: Sent) -> Iterator[World]:
    with MongoClient[dict[str, Any]](
        stores.mongo_uri, tz_aware=True, event_listeners=[sent]
    ) as client:
        yield found(client=client)


pytestmark = pytest.mark.one_server("time is frozen by a database of its own on one Redis")


def test_a_hold_ends_at_its_instant_in_both_stores(world: World) -> None:
    attempt = world.house.hold(SLOT, "ann")

    world.advance(POLICY.hold - MS)
    with pytest.raises(SlotHeld) as refused:
        world.house.hold(SLOT, "ben")
    world.advance(MS)
    world.advance(MS)

    assert refused.value.retry_after_seconds == 1
    assert world.house.redis.get(world.house.keys.lock(SLOT)) is None
    with pytest.raises(HoldExpired):
        world.house.release(attempt, "ann")
    assert world.house.hold(SLOT, "ben") != attempt


def test_a_code_ends_before_its_hold_does(world: World) -> None:
    attempt = world.house.hold(SLOT, "ann")
    code = world.house.code(attempt, "ann")

    world.advance(POLICY.code_lifetime)
    with pytest.raises(OtpInvalid):
        world.house.verify(attempt, "ann", code)
    world.advance(MS)

    assert world.house.codes.find(user_id="ann", attempt_id=attempt) is None
    assert world.house.document(SLOT)["hold"]["attemptId"] == attempt


def test_a_code_is_sent_again_after_the_wait_and_not_before(world: World) -> None:
    attempt = world.house.hold(SLOT, "ann")

    world.advance(POLICY.resend_wait - timedelta(seconds=1))
    with pytest.raises(RateLimited) as refused:
        world.house.resend(attempt, "ann")
    world.advance(timedelta(seconds=1))
    sent = world.house.resend(attempt, "ann")

    assert refused.value.retry_after_seconds == 1
    assert sent.expires_at == world.time.now() + POLICY.code_lifetime


def test_a_relay_s_lease_on_an_event_ends(world: World) -> None:
    world.house.book(SLOT, "ann")
    [leased] = world.house.outbox.claim(limit=10)

    world.advance(timedelta(seconds=59))
    assert world.house.outbox.claim(limit=10) == []
    world.advance(timedelta(seconds=1))

    assert world.house.outbox.claim(limit=10) == [leased]


def test_a_rate_limit_s_bucket_fills_again(world: World) -> None:
    keys = world.house.keys
    limiter = RedisRateLimiter(world.house.redis, keys, Breaker(world.time))
    limit = RateLimit(name="writes", requests=2, seconds=60)

    def take() -> tuple[bool, int]:
        said = limiter.take(limit, route="/bookings", who="ann")
        return said.is_allowed, said.reset_seconds

    assert [take(), take(), take()] == [(True, 30), (True, 60), (False, 30)]
    world.advance(timedelta(seconds=30))
    assert take() == (True, 60)


def test_an_answer_is_kept_for_a_day(world: World) -> None:
    ticket = world.house.ticket(SLOT, "ann", "a-key-of-ann-000001")
    first = world.house.answer(ticket)

    world.advance(timedelta(hours=24))
    kept = world.house.answer(structs.replace(ticket, request_id="second"))
    world.advance(MS)

    assert kept.text == first.text
    assert world.house.redis.exists(world.house.keys.request(ticket.request_key)) == 0


def test_answers_and_documents_have_the_frozen_instant(world: World) -> None:
    text = world.house.answer(world.house.ticket(SLOT, "ann")).text

    assert json.loads(text)["serverTime"] == "2031-03-04T08:00:00.000Z"
    assert world.house.document(SLOT)["hold"]["placedAt"] == START


def test_a_slot_s_life_asks_no_server_for_its_time(world: World, sent: Sent) -> None:
    """Hold, codes, booking, both reschedules, calendar, sweep and relay, without a `$$NOW`."""
    house = world.house
    attempt = house.hold(SLOT_IDS[3], "cyd")
    world.advance(timedelta(seconds=30))
    house.resend(attempt, "cyd")
    old = house.verify(attempt, "cyd").booking
    new = house.book(SLOT_IDS[2], "cyd", replaces=old.id)
    house.reschedule(new.id, world.caller("cyd"))
    house.release(house.hold(SLOT, "ann"), "ann")
    house.hold(SLOT, "ann")
    world.advance(POLICY.hold)
    clinic = replace(world.managing, caller=world.caller("sue"))
    clinic.block(SLOT)
    clinic.block(SLOT, is_blocked=False)
    clinic.change_time("dr-a", TimeChange.REMOVED, START, START + timedelta(days=3))
    house.sweep()
    house.relay()
    for event in house.queue.events:
        world.deliver_event(event, frozenset())
    for job in house.queue.codes:
        world.deliver_code(job, frozenset())

    assert [text for text in sent.texts if "$$NOW" in text] == []
    assert any("$literal" in text and "2031" in text for text in sent.texts)


def test_the_listener_would_see_who_asks_the_server_for_its_time(world: World, sent: Sent) -> None:
    """Control: the same statement past the seam."""
    statement = {"$expr": {"$lte": ["$hold.expiresAt", "$$NOW"]}}
    world.house.database[SLOTS].find_one(statement)
    assert not any("$$NOW" in text for text in sent.texts)

    world.house.database.client[world.house.database.name][SLOTS].find_one(statement)

    assert any("$$NOW" in text for text in sent.texts)


def test_a_caller_s_text_is_not_taken_for_the_time(world: World) -> None:
    assert world.time.into({"$literal": "$$NOW"}) == {"$literal": "$$NOW"}
    assert world.time.into({"at": ["$$NOW", 1]}) == {"at": [{"$literal": START}, 1]}


def test_a_command_that_could_set_a_lifetime_unseen_is_refused(world: World) -> None:
    with pytest.raises(NotImplementedError):
        world.house.redis.psetex("key", 10, "value")


def test_by_redis_s_own_clock_nothing_ever_lapses(world: World) -> None:
    """Every lifetime is kept by the seam: on the server itself no key has one."""
    world.house.hold(SLOT, "ann")

    with Redis(connection_pool=world.house.redis.connection_pool) as plain:
        keys = list(plain.scan_iter(f"{world.house.keys.environment}:*"))
        assert len(keys) >= 4
        assert {plain.pttl(key) for key in keys} == {-1}
    assert {int(world.house.redis.pttl(key)) > 0 for key in keys} == {True}
