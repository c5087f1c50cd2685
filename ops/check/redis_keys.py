"""What must hold of the keys in Redis: each lapses, none keeps a code.

Redis decides nothing, so a key that merely stayed behind is no violation: it lapses by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from ops.check.batches import batches
from ops.check.moment import CLOCKS_DIFFER, Moment
from ops.check.reader import Reader
from ops.check.rules import CODE_STORED, KEY_WITHOUT_END, LOCK_OUTLIVES_HOLD, MALFORMED_DOCUMENT
from ops.check.stored import id_text, slot_stored
from ops.violation import Violation
from slotkeeper.adapters.mongo.documents import SLOTS
from slotkeeper.adapters.redis.keys import Keys

REDIS = "redis"
_AT_ONCE = 500
_NO_END, _GONE = -1, -2
_CODE_FIELDS = frozenset(
    {"slotId", "seed", "keyId", "sendNumber", "attempts", "issuedAt", "guesses", "guessed"}
)
"""What `Keys.code` names."""


@dataclass(frozen=True, slots=True)
class Found:
    """A key, how long it lives (ms), and what was asked of its value."""

    key: str
    lives: int
    value: object


@dataclass(frozen=True, slots=True)
class Claim:
    """That an attempt has a slot for so long, as a lock or a place tells."""

    key: str
    slot_id: str
    attempt_id: str
    lasts: timedelta


class KeyPass:
    """One pass over the keys of an environment."""

    def __init__(self, redis: Redis, keys: Keys, reader: Reader, moment: Moment):
        self._redis = redis
        self._reader = reader
        self._moment = moment
        self._now = moment.now
        self._prefix = f"{keys.environment}:"
        self._lock, self._places = keys.lock(""), keys.places("")
        self._code = keys.code("", "").removesuffix(":")
        self._bucket = keys.bucket("", "").removesuffix(":")

    def violations(self) -> Iterator[Violation]:
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", self._prefix) + "*"
        for some in batches(self._redis.scan_iter(pattern, count=_AT_ONCE), _AT_ONCE):
            found = self._look([_text(key) for key in some])
            self._reader.count(REDIS, len(found))
            # A second look at what seems wrong: a key may just have been written.
            suspects = list(dict.fromkeys(key for key, _ in self._judged(found)))
            for _, violation in self._judged(self._look(suspects)):
                yield violation

    def _judged(self, found: Sequence[Found]) -> Iterator[tuple[str, Violation]]:
        """What is wrong, with the key that tells it."""
        claims: list[Claim] = []
        for one in found:
            yield from self._of_key(one)
            claims += self._claims(one)
        yield from self._unfounded(claims)

    def _look(self, keys: Sequence[str]) -> list[Found]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.pttl(key)
                self._ask(pipeline, key)
            answers = pipeline.execute(raise_on_error=False)
        # Places tell when they end, and may have been taken long after the check began.
        self._now = max(self._moment.now, self._reader.now())
        for answer in answers:
            if isinstance(answer, Exception) and not _is_of_other_type(answer):
                raise answer
        found = [Found(*told) for told in zip(keys, answers[::2], answers[1::2], strict=True)]
        return [one for one in found if one.lives != _GONE]

    def _ask(self, pipeline: Any, key: str) -> None:  # Any: each command answers otherwise
        if key.startswith(self._lock):
            pipeline.get(key)
        elif key.startswith(self._code):
            pipeline.hkeys(key)
        elif key.startswith(self._places):
            pipeline.zrange(key, 0, -1, withscores=True)
        else:
            pipeline.exists(key)

    def _of_key(self, one: Found) -> Iterator[tuple[str, Violation]]:
        about = self._shown(one.key)
        if one.lives == _NO_END:
            yield one.key, KEY_WITHOUT_END.broken(about, _document(about))
        if isinstance(one.value, Exception):
            told = _document(about, fields=["type"])
            yield one.key, MALFORMED_DOCUMENT.broken(about, told, invariant=8)
        elif one.key.startswith(self._code) and isinstance(one.value, list):
            others = {_text(name) for name in one.value} - _CODE_FIELDS
            if others:
                # Not their names: a name may be what it must not be.
                told = _document(about, otherFields=len(others))
                yield one.key, CODE_STORED.broken(about, told)

    def _claims(self, one: Found) -> list[Claim]:
        lives = timedelta(milliseconds=one.lives)
        if one.key.startswith(self._lock) and isinstance(one.value, str | bytes):
            slot_id = one.key.removeprefix(self._lock)
            return [Claim(one.key, slot_id, _text(one.value), lives)]
        if one.key.startswith(self._places) and isinstance(one.value, list):
            now = self._now.timestamp()
            return [
                Claim(
                    one.key, *_text(member).partition(":")[::2], timedelta(seconds=end / 1000 - now)
                )
                for member, end in one.value
            ]
        return []

    def _unfounded(self, claims: Sequence[Claim]) -> Iterator[tuple[str, Violation]]:
        """Claims of attempts that hold no slot, for longer than they could have held it."""
        longest = self._moment.longest_hold + CLOCKS_DIFFER
        long = [claim for claim in claims if claim.lasts > longest]
        held = self._holders({claim.slot_id for claim in long})
        for claim in long:
            if held.get(claim.slot_id, claim.attempt_id) == claim.attempt_id:
                continue
            told = _document(
                self._shown(claim.key),
                slotId=id_text(claim.slot_id),
                seconds=round(claim.lasts.total_seconds()),
            )
            yield claim.key, LOCK_OUTLIVES_HOLD.broken(id_text(claim.attempt_id), told)

    def _holders(self, slot_ids: set[str]) -> dict[str, str | None]:
        """Which attempt holds each slot; a slot that cannot be read is left out."""
        held: dict[str, str | None] = dict.fromkeys(slot_ids)
        for document in self._reader.among(SLOTS, "_id", slot_ids):
            seen = slot_stored(document).says
            if seen is None:
                del held[document["_id"]]
            elif seen.slot.hold is not None:
                held[document["_id"]] = seen.slot.hold.attempt_id
        return held

    def _shown(self, key: str) -> str:
        """The key without its environment, and without the address that a bucket may be of."""
        shown = key.removeprefix(self._prefix)
        is_plain = id_text(shown) == shown and not key.startswith(self._bucket)
        return shown if is_plain else f"{':'.join(shown.split(':')[:2])}:..."


def _document(key: str, **told: object) -> dict[str, object]:
    return {"collection": REDIS, "_id": key, **told}


def _is_of_other_type(error: Exception) -> bool:
    return isinstance(error, ResponseError) and str(error).startswith("WRONGTYPE")


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
