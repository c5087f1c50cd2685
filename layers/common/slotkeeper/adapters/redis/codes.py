"""What codes are made of; the code itself is never here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redis import Redis

from slotkeeper.adapters.redis.client import call, one_trip, script, whole
from slotkeeper.adapters.redis.keys import Keys, ms
from slotkeeper.ports.codes import CodeRecord, CodeTry

if TYPE_CHECKING:
    from slotkeeper.domain.policy import BookingPolicy

_COUNT_TRY = script("count_try")
_COUNT_FAILURE = script("count_failure")
_SETTLE_KEY = script("settle_key")
_PUT_CODE = script("put_code")

_BASE32 = re.compile(r"(?:[A-Z2-7]{8}){1,16}")


class RedisCodes:
    """`CodeStore` on one hash an attempt and one counter a user."""

    def __init__(self, redis: Redis, keys: Keys, policy: BookingPolicy):
        self._redis = redis
        self._keys = keys
        self._policy = policy

    def count_try(self, *, user_id: str, attempt_id: str, marks: Sequence[str]) -> CodeTry:
        code_key, guesses = self._keys.code(user_id, attempt_id), str(self._policy.max_tries)
        failures_key = self._keys.failures(user_id)
        tried, failures, failures_ms = one_trip(
            self._redis,
            lambda p: p.eval(_COUNT_TRY, 1, code_key, guesses, *marks),
            lambda p: p.get(failures_key),
            lambda p: p.pttl(failures_key),
        )
        number, may_compare, left_ms, *fields = tried or (0, 0, 0)
        return CodeTry(
            record=_record(fields),
            number=number,
            may_compare=may_compare == 1,
            record_lapses_in=_seconds(left_ms),
            failures=whole(failures) or 0,
            failures_lapse_in=_seconds(failures_ms),
        )

    def count_failure(self, *, user_id: str) -> None:
        window = ms(self._policy.failure_window)
        with call("eval"):
            self._redis.eval(_COUNT_FAILURE, 1, self._keys.failures(user_id), str(window))

    def find(self, *, user_id: str, attempt_id: str) -> CodeRecord | None:
        with call("hmget"):
            fields = self._redis.hmget(
                self._keys.code(user_id, attempt_id), "slotId", "seed", "keyId", "sendNumber"
            )
        return _record(fields)

    def settle_key(
        self,
        *,
        user_id: str,
        attempt_id: str,
        send_number: int,
        key_id: str,
        instead_of: str | None = None,
    ) -> CodeRecord | None:
        key = self._keys.code(user_id, attempt_id)
        asked = [str(send_number), key_id, instead_of or ""]
        with call("eval"):
            return _record(self._redis.eval(_SETTLE_KEY, 1, key, *asked))

    def put(
        self,
        *,
        user_id: str,
        attempt_id: str,
        record: CodeRecord,
        lifetime_ms: int,
        tries: int,
    ) -> None:
        self._put(user_id, attempt_id, record, lifetime_ms, tries, "next")

    def put_back(
        self,
        *,
        user_id: str,
        attempt_id: str,
        record: CodeRecord,
        lifetime_ms: int,
        instead_of: int,
    ) -> None:
        self._put(user_id, attempt_id, record, lifetime_ms, 0, "undo", str(instead_of))

    def _put(
        self,
        user_id: str,
        attempt_id: str,
        record: CodeRecord,
        lifetime_ms: int,
        tries: int,
        *how: str,
    ) -> None:
        with call("eval"):
            self._redis.eval(
                _PUT_CODE,
                1,
                self._keys.code(user_id, attempt_id),
                record.slot_id,
                record.seed,
                str(record.send_number),
                str(lifetime_ms),
                str(tries),
                *how,
            )


def _record(fields: Sequence[Any]) -> CodeRecord | None:
    """What a code is made of, or None: not there, or not ours, which is the same."""
    match fields:
        case [str(slot_id), str(seed), str() | None as key_id, str(text)]:
            number = whole(text)
            if number is not None and _BASE32.fullmatch(seed):
                return CodeRecord(slot_id=slot_id, seed=seed, key_id=key_id, send_number=number)
    return None


def _seconds(milliseconds: int) -> int:
    return max(1, -(-milliseconds // 1000))
