"""What is in Redis and is not ours: as if it were not there, or as if Redis did not answer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slotkeeper.adapters.redis.breaker import Breaker
from slotkeeper.adapters.redis.limiter import RedisRateLimiter
from slotkeeper.adapters.redis.requests import RedisRequests
from slotkeeper.domain.errors import AppointmentError, OtpInvalid
from slotkeeper.domain.limits import RateLimit
from slotkeeper.services.kept import kept
from tests.support.fakes import FakeClock
from tests.support.house import House
from tests.support.reading import Reader

LIMIT = RateLimit(name="minute", requests=5, seconds=60)
LATER = f"{round((datetime.now(UTC) + timedelta(days=1)).timestamp())}000"
TEXTS: list[str | bytes] = [
    "",
    "garbage",
    "-1",
    "1e3",
    "nan",
    "9" * 400,
    b"\xff\xfe",
    f"{LATER}\n",
    f"{LATER}\n\nx",
]
FIELDS = {
    "code": ["slotId", "seed", "keyId", "sendNumber", "attempts"],
    "request": ["fingerprint", "owner", "answer"],
    "slot_pages": ["g", "*"],
    "doctor_pages": ["g", "*"],
    "viewed": ["doctorId", "date"],
}


class Use:
    """The keys of one patient, doctor and request, and what is done with each."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.slot, self.alice = house.slot(), house.patient()
        self.doctor = self.slot.rpartition("_")[0]
        self.ticket = house.ticket(self.slot, self.alice)
        self.reader = Reader(house)
        self.limiter = RedisRateLimiter(house.redis, house.keys, Breaker(FakeClock()))
        keys, attempt = house.keys, self.ticket.attempt_id
        self.keys: dict[str, tuple[str, list[Callable[[], object]]]] = {
            "lock": (keys.lock(self.slot), [self.hold]),
            "code": (
                keys.code(self.alice, attempt),
                [self.verify, lambda: house.resend(attempt, self.alice), self.hold],
            ),
            "failures": (keys.failures(self.alice), [self.verify]),
            "request": (keys.request(self.ticket.request_key), [self.hold]),
            "places": (keys.places(self.alice), [self.hold]),
            "bucket": (keys.bucket("GET /me", "alice"), [self.take]),
            "slot_pages": (keys.slot_pages(self.doctor), [self.read]),
            "doctor_pages": (keys.doctor_pages(), [self.read_doctors]),
            "viewed": (
                keys.viewed("reader"),
                [self.read, lambda: self.reader.views.last("reader")],
            ),
        }

    def hold(self) -> object:
        return self.house.answer(self.ticket)

    def verify(self) -> object:
        code = "000000"
        return self.house.verify(self.ticket.attempt_id, self.alice, code)

    def take(self) -> object:
        return self.limiter.take(LIMIT, route="GET /me", who="alice")

    def read(self) -> object:
        self.rest()
        return self.reader.slots(self.doctor)

    def read_doctors(self) -> object:
        self.rest()
        return self.reader.doctor_pages.read("all", lambda: kept("[]"), None)

    def rest(self) -> None:
        """The breaker closes again: it is the keys that are tried, not the breaker."""
        self.reader = Reader(self.house)


def garbage(house: House, kind: str, key: str) -> Iterator[str]:
    """Plant one kind of garbage after another; what it is."""
    redis = house.redis
    for text in TEXTS:
        redis.set(key, text)
        yield f"text {text!r:.30}"
        redis.delete(key)
    redis.rpush(key, "garbage")
    yield "list"
    redis.delete(key)
    redis.hset(key, "garbage", "garbage")
    yield "hash of something else"
    redis.delete(key)
    redis.zadd(key, {"garbage": float("inf"), ":": float("inf")})
    yield "sorted set"
    redis.delete(key)


@pytest.fixture
def use(house: House) -> Use:
    return Use(house)


@pytest.mark.parametrize(
    "kind", ["lock", "code", "failures", "request", "places", "bucket", *list(FIELDS)[2:]]
)
def test_garbage_in_place_of_a_key_is_a_refusal_at_most(use: Use, kind: str) -> None:
    key, uses = use.keys[kind]
    for one in uses:
        for planted in garbage(use.house, kind, key):
            try:
                one()
            except AppointmentError:
                continue
            except Exception as error:
                raise AssertionError(f"{kind}: {planted}") from error


@pytest.mark.parametrize("kind", FIELDS)
def test_garbage_in_a_field_is_a_refusal_at_most(use: Use, kind: str) -> None:
    key, uses = use.keys[kind]
    use.hold()
    use.read()
    use.read_doctors()
    sound: dict[Any, Any] = use.house.redis.hgetall(key)  # Any: text
    fields = [
        field
        for name in FIELDS[kind]
        for field in (use.house.redis.hkeys(key) if name == "*" else [name])
    ]
    for one, field, text in itertools.product(uses, fields, TEXTS):
        use.house.redis.delete(key)
        if sound:
            use.house.redis.hset(key, mapping=sound)
            use.house.redis.expire(key, 60)
        use.house.redis.hset(key, str(field), text)
        try:
            one()
        except AppointmentError:
            continue
        except Exception as error:
            raise AssertionError(f"{kind}.{field!s}: {text!r:.30}") from error


def test_a_lock_that_never_lapses_is_none_of_ours_and_keeps_nobody_out(use: Use) -> None:
    use.house.redis.set(use.house.keys.lock(use.slot), "garbage")

    use.hold()

    assert use.house.document(use.slot)["status"] == "reserved"


def test_an_answer_that_was_never_given_is_not_given(use: Use) -> None:
    first = use.house.answer(use.ticket)
    key = use.house.keys.request(use.ticket.request_key)
    use.house.redis.hset(key, "answer", '{"attemptId": 7}')

    again = use.house.answer(use.ticket)

    assert (again.is_replay, use.ticket.attempt_id in again.text) == (False, True)
    assert "expiresAt" in first.text


def test_a_page_that_we_did_not_make_is_not_shown(use: Use) -> None:
    shown = use.read()
    key = use.house.keys.slot_pages(use.doctor)
    [field] = [str(name) for name in use.house.redis.hkeys(key) if name != "g"]
    use.house.redis.hset(key, field, f'{LATER}\n"etag"\n{{"items": []}}')

    assert use.read() == shown == [use.slot]


def test_a_bucket_and_a_count_of_failures_that_are_none_of_ours_are_begun_anew(use: Use) -> None:
    use.hold()
    bucket, failures = use.keys["bucket"][0], use.keys["failures"][0]
    use.house.redis.rpush(bucket, "garbage")
    use.house.redis.set(failures, "garbage")

    assert use.limiter.take(LIMIT, route="GET /me", who="alice").remaining == 4
    with pytest.raises(OtpInvalid):
        use.house.verify(
            use.ticket.attempt_id,
            use.alice,
            use.house.wrong_code(use.ticket.attempt_id, use.alice),
        )
    assert use.house.redis.get(failures) == "1"
    assert use.house.redis.pttl(failures) > 0


def test_a_code_that_cannot_be_read_is_made_anew_by_a_resend(use: Use) -> None:
    use.hold()
    key = use.keys["code"][0]
    use.house.redis.hset(key, mapping={"sendNumber": "many", "attempts": "some"})

    use.house.resend(use.ticket.attempt_id, use.alice)

    assert use.house.verify(use.ticket.attempt_id, use.alice).is_new


def test_a_request_that_is_busy_for_ever_is_made_to_lapse(use: Use) -> None:
    key = use.house.keys.request("k")
    use.house.redis.hset(key, mapping={"fingerprint": "same", "owner": "gone"})

    state = RedisRequests(use.house.redis, use.house.keys).begin(
        "k", fingerprint="same", owner="me"
    )

    assert state.busy_for_ms
    assert 0 < use.house.redis.pttl(key) <= state.busy_for_ms
