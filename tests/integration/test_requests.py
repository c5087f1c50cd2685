"""Idempotency keys, in Valkey and in the fake that stands for it."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import Response
from redis import Redis

from slotkeeper.adapters.redis.client import connect
from slotkeeper.adapters.redis.keys import ANSWER_KEPT, ANSWER_KEPT_BRIEFLY, Keys, ms
from slotkeeper.adapters.redis.requests import LONG_ANSWER, MOST_ANSWERS, RedisRequests
from slotkeeper.contracts.shapes import Nothing
from slotkeeper.domain.attempt import request_key
from slotkeeper.domain.errors import IdempotencyKeyReused, RequestInProgress, Unavailable
from slotkeeper.domain.user import Caller, Role
from slotkeeper.entrypoints.answers import answer
from slotkeeper.entrypoints.operation import Call
from slotkeeper.entrypoints.replay import once
from slotkeeper.ports.requests import RequestMemory, RequestState
from tests.support.fakes import FakeRequests
from tests.support.servers import Stores

AT_ONCE = 20
FRESH = RequestState()


@pytest.fixture
def redis(stores: Stores) -> Any:  # Any: a generator, to pytest's eyes
    with stores.connect_redis() as client:
        yield client


@pytest.fixture
def keys() -> Keys:
    return Keys(f"t{secrets.token_hex(6)}")


@pytest.fixture
def valkey(redis: Redis, keys: Keys) -> RedisRequests:
    return RedisRequests(redis, keys)


@pytest.fixture(params=["fake", "valkey"])
def memory(request: pytest.FixtureRequest) -> RequestMemory:
    made: RequestMemory = (
        FakeRequests() if request.param == "fake" else request.getfixturevalue("valkey")
    )
    return made


# --- what both hold -------------------------------------------------------------------------------


def test_a_fresh_request_is_its_owners(memory: RequestMemory) -> None:
    assert memory.begin("k", fingerprint="f", owner="a") == FRESH

    others = memory.begin("k", fingerprint="f", owner="b")

    assert others.busy_for_ms is not None
    assert 0 < others.busy_for_ms <= 20_000


def test_an_owner_that_begins_again_begins_afresh(memory: RequestMemory) -> None:
    memory.begin("k", fingerprint="f", owner="a")

    assert memory.begin("k", fingerprint="f", owner="a") == FRESH


def test_what_was_answered_is_told_to_who_asks_the_same(memory: RequestMemory) -> None:
    memory.begin("k", fingerprint="f", owner="a")
    memory.complete("k", owner="a", answer="told")

    assert memory.begin("k", fingerprint="f", owner="b") == RequestState(answer="told")
    assert memory.begin("k", fingerprint="f", owner="a") == RequestState(answer="told")
    assert memory.begin("k", fingerprint="g", owner="b") == RequestState(is_reused=True)


def test_another_request_cannot_use_the_key_even_while_the_first_is_under_way(
    memory: RequestMemory,
) -> None:
    memory.begin("k", fingerprint="f", owner="a")

    assert memory.begin("k", fingerprint="g", owner="b") == RequestState(is_reused=True)


def test_a_key_that_was_given_up_is_free(memory: RequestMemory) -> None:
    memory.begin("k", fingerprint="f", owner="a")
    memory.abandon("k", owner="a")

    assert memory.begin("k", fingerprint="g", owner="b") == FRESH


def test_only_its_owner_completes_or_gives_up(memory: RequestMemory) -> None:
    memory.begin("k", fingerprint="f", owner="a")
    memory.complete("k", owner="b", answer="not theirs")
    memory.abandon("k", owner="b")

    assert memory.begin("k", fingerprint="f", owner="c").busy_for_ms is not None


def test_what_was_given_up_is_not_brought_back(memory: RequestMemory) -> None:
    memory.begin("k", fingerprint="f", owner="a")
    memory.abandon("k", owner="a")
    memory.complete("k", owner="a", answer="too late")

    assert memory.begin("k", fingerprint="f", owner="b") == FRESH


# --- what only a server can show ------------------------------------------------------------------


def test_a_request_under_way_keeps_its_key_for_20_seconds_an_answered_one_for_a_day(
    valkey: RedisRequests, redis: Redis, keys: Keys
) -> None:
    valkey.begin("k", fingerprint="f", owner="a")
    under_way = redis.pttl(keys.request("k"))
    valkey.complete("k", owner="a", answer="told")
    answered = redis.pttl(keys.request("k"))

    assert 19_000 < under_way <= 20_000
    assert 86_399_000 < answered <= 86_400_000


def test_a_replay_does_not_make_the_answer_live_longer(
    valkey: RedisRequests, redis: Redis, keys: Keys
) -> None:
    valkey.begin("k", fingerprint="f", owner="a")
    valkey.complete("k", owner="a", answer="told")
    redis.pexpire(keys.request("k"), 5_000)

    valkey.begin("k", fingerprint="f", owner="b")

    assert redis.pttl(keys.request("k")) <= 5_000


def test_the_wait_is_what_is_left_of_the_lease(
    valkey: RedisRequests, redis: Redis, keys: Keys
) -> None:
    valkey.begin("k", fingerprint="f", owner="a")
    redis.pexpire(keys.request("k"), 3_000)

    busy_for = valkey.begin("k", fingerprint="f", owner="b").busy_for_ms

    assert busy_for is not None
    assert busy_for <= 3_000


def test_a_server_that_is_not_there_is_unavailable(keys: Keys) -> None:
    requests = RedisRequests(connect("redis://127.0.0.1:9"), keys)

    with pytest.raises(Unavailable):
        requests.begin("k", fingerprint="f", owner="a")


# --- one effect -----------------------------------------------------------------------------------


class Forgetful(FakeRequests):
    """A memory that knows nothing: the control."""

    def begin(self, key: str, *, fingerprint: str, owner: str) -> RequestState:
        return FRESH


def a_call(owner: str, *, fingerprint: str = "f") -> Call[Nothing, Nothing, Nothing]:
    return Call(
        caller=Caller(user_id="alice", role=Role.PATIENT),
        path=Nothing(),
        query=Nothing(),
        body=Nothing(),
        request_id=owner,
        request_key="k",
        idempotency_key="key-0123456789abcdef",
        fingerprint=fingerprint,
        if_match=None,
    )


def race(memory: RequestMemory) -> tuple[int, list[Response[str] | Exception]]:
    """How often it ran when the same request came `AT_ONCE` times, and what each was told."""
    runs: list[str] = []
    everybody = threading.Barrier(AT_ONCE)

    def make(owner: str) -> Callable[[], Response[str]]:
        def run() -> Response[str]:
            runs.append(owner)
            return answer(HTTPStatus.CREATED, json.dumps({"by": owner}), {"ETag": '"1"'})

        return run

    def send(number: int) -> Response[str] | Exception:
        owner = f"request-{number}"
        everybody.wait()
        try:
            return once(a_call(owner), make(owner), memory)
        except (RequestInProgress, IdempotencyKeyReused) as refused:
            return refused

    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = list(pool.map(send, range(AT_ONCE)))
    return len(runs), told


def test_of_twenty_same_requests_at_once_one_has_an_effect(valkey: RedisRequests) -> None:
    runs, told = race(valkey)

    assert runs == 1
    answers = [one for one in told if isinstance(one, Response)]
    refused = [one for one in told if isinstance(one, Exception)]
    assert all(type(one) is RequestInProgress for one in refused)
    assert len({one.body for one in answers}) == 1
    assert sum("Idempotent-Replayed" not in one.headers for one in answers) == 1


def test_control_without_the_memory_every_request_has_an_effect() -> None:
    runs, told = race(Forgetful())

    assert runs == AT_ONCE
    assert len({one.body for one in told if isinstance(one, Response)}) == AT_ONCE


def test_a_crash_after_the_effect_is_made_good_once_the_lease_is_over(
    valkey: RedisRequests, redis: Redis, keys: Keys
) -> None:
    valkey.begin("k", fingerprint="f", owner="crashed")  # and nothing more was heard of it
    with pytest.raises(RequestInProgress) as busy:
        once(a_call("second"), lambda: answer(HTTPStatus.OK, "{}"), valkey)
    redis.pexpire(keys.request("k"), 0)

    again = once(a_call("third"), lambda: answer(HTTPStatus.OK, '{"found":1}'), valkey)

    assert busy.value.retry_after_seconds in range(1, 21)
    assert again.body == '{"found":1}'
    replay = once(a_call("fourth"), lambda: answer(HTTPStatus.OK, "{}"), valkey)
    assert (replay.body, replay.headers["Idempotent-Replayed"]) == ('{"found":1}', "true")


# --- how much is kept -----------------------------------------------------------------------------


def _answered(valkey: RedisRequests, who: str, key: str, answer: str = "told") -> str:
    name = request_key(who, key)
    valkey.begin(name, fingerprint="f", owner="a")
    valkey.complete(name, owner="a", answer=answer)
    return name


def test_of_very_many_requests_the_answers_of_the_rest_are_kept_for_minutes(
    valkey: RedisRequests, redis: Redis, keys: Keys
) -> None:
    first, *_, last = [_answered(valkey, "alice", f"k{n}") for n in range(MOST_ANSWERS)]

    more = _answered(valkey, "alice", "one more")
    other = _answered(valkey, "bob", "k0")

    lives = {name: redis.pttl(keys.request(name)) for name in (first, last, more, other)}
    a_day, minutes = ms(ANSWER_KEPT), ms(ANSWER_KEPT_BRIEFLY)
    assert all(minutes < lives[name] <= a_day for name in (first, last, other))
    assert 0 < lives[more] <= minutes
    assert valkey.begin(more, fingerprint="f", owner="b").answer == "told"


def test_a_very_long_answer_is_kept_for_minutes(
    valkey: RedisRequests, redis: Redis, keys: Keys
) -> None:
    long = _answered(valkey, "carol", "long", "x" * (LONG_ANSWER + 1))
    short = _answered(valkey, "carol", "short", "x" * LONG_ANSWER)

    assert 0 < redis.pttl(keys.request(long)) <= ms(ANSWER_KEPT_BRIEFLY)
    assert redis.pttl(keys.request(short)) > ms(ANSWER_KEPT_BRIEFLY)
    assert len(valkey.begin(long, fingerprint="f", owner="b").answer or "") > LONG_ANSWER
