"""What is there, without what no two runs have in common: ids, instants, versions of slots."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson.timestamp import Timestamp

from slotkeeper.contracts.otp_secret import read_ring
from tests.crash.stage import Stage

Seen = Mapping[str, Sequence[Mapping[str, Any]]]
"""Documents by collection (Any: BSON)."""

_SLOT_VERSIONS = {"slots", "outbox", "audit_logs"}
"""Where `version` is the slot's: a hold that was undone and placed again has moved it."""
_LEASED = {"sagas"}
"""Where `version` also counts the workers that took it up."""
_UNSEEN = {
    *("requestId", "leaseId", "takenBy", "calendarVersion", "lastVersion", "messageId"),
    *("previous", "digests"),
    "shared",  # says that a retry came after the hold was placed
}
_SHAPES = [
    (re.compile(pattern), shape)
    for pattern, shape in (
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "T"),
        (r"\d{8}T\d{4}(\d\d)?Z", "T"),
        (r"\w{3} \d\d \w{3} \d{4}, \d\d:\d\d", "T"),
        (r"\d{4}-\d\d-\d\d", "D"),
        # A key of a payment's step names the try, of which a death may take one.
        (r"at_[0-9a-f]{48}-\d+-", "at-n-"),
        (r"(at|bk)_[0-9a-f]{48}", r"\1"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "id"),
        (r"[0-9a-f]{16,}", "id"),
        (r"\b\d{6}\b", "code"),
        # Tries are counted before they are compared: one that died has counted.
        (r'"attemptsRemaining": ?\d', '"attemptsRemaining": n'),
    )
]
_NOTED_EACH_TIME = {"user.erased", "user.exported"}
_EVENT_NUMBER = re.compile(r"-\d+$")
_PASSING = ("cache:", "rl:", "provider:")
"""Keys that say nothing of what was done."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Lines of text, the same for worlds that differ in nothing a person would care for.

    `counts` adds up the numbers in the fields that are called loose, which the lines leave out.
    """

    lines: Counter[str]
    counts: Counter[str]

    @property
    def holds(self) -> int:
        return sum(line.startswith("slots") and '"hold"' in line for line in self.lines.elements())


NOTHING = Picture(Counter(), Counter())


def picture_of(stage: Stage, seen: Seen, loose: frozenset[str]) -> Picture:
    """What was `seen` in the collections, and what is in Redis, on the queue and with people."""
    return _Painter(stage, loose).picture(seen)


def plain_answer(stage: Stage, answer: Any) -> str:  # Any: what a handler answers
    """A handler's answer, comparable with another run's."""
    plain = _Painter(stage, frozenset()).plain
    if isinstance(answer, dict) and "statusCode" in answer:
        return plain(f"{answer['statusCode']} {answer['body']}".strip())
    return plain(json.dumps(answer, sort_keys=True))


class _Painter:
    def __init__(self, stage: Stage, loose: frozenset[str]):
        self._stage = stage
        self._names = sorted(stage.names.items(), key=lambda name: -len(name[0]))
        self._loose = loose
        self._counts: Counter[str] = Counter()
        self._of = ""

    def picture(self, seen: Seen) -> Picture:
        stage, lines = self._stage, list[str]()
        for collection, documents in seen.items():
            for document in documents:
                self._of = self._plain_id(document["_id"])
                shown = json.dumps(self._shown(document, collection), sort_keys=True)
                line = f"{collection} {shown}"
                # Who asks again about somebody's data is noted again.
                if line not in lines or document.get("type") not in _NOTED_EACH_TIME:
                    lines.append(line)
        lines += filter(None, map(self._key, stage.redis_keys()))
        lines += [self.plain(f"sent {s.way} to {s.address}: {s.text}") for s in stage.cloud.sent]
        lines += [self.plain(f"queued {json.loads(body)['kind']}") for body in stage.cloud.queue]
        lines += filter(None, map(self._money, stage.bank.payments()))
        keys = stage.cloud.keys
        lines += [self.plain(f"keys {s}: {self._keys(v)}") for s, v in keys.staged.items()]
        return Picture(Counter(lines), self._counts)

    def _keys(self, version: str) -> str:
        """Whose they are; nobody sees the keys themselves."""
        text = self._stage.cloud.keys.texts.get(version)
        return " ".join(key.id for key in read_ring(text).keys) if text else "none yet"

    def plain(self, text: str) -> str:
        for id_, name in self._names:
            text = text.replace(id_, name)
        for pattern, shape in _SHAPES:
            text = pattern.sub(shape, text)
        return text

    def _plain_id(self, id_: str | int) -> str:
        return _EVENT_NUMBER.sub("", self.plain(str(id_)))

    def _shown(self, value: Any, collection: str, name: str = "") -> Any:  # Any: BSON
        if isinstance(value, dict):
            return {
                key: self._shown(item, collection, key)
                for key, item in value.items()
                if key not in _UNSEEN
                and not (key == "version" and collection in _SLOT_VERSIONS | _LEASED)
            }
        if isinstance(value, list):
            return [self._shown(item, collection) for item in value]
        if isinstance(value, datetime | Timestamp):
            return "T"
        if name in self._loose:
            self._counts[f"{collection}.{name} of {self._of}"] += value
            return "n"
        if name == "_id":
            return self._plain_id(value)
        return self.plain(value) if isinstance(value, str) else value

    def _money(self, payment: Mapping[str, Any]) -> str | None:
        """None where none was taken, nor is reserved."""
        if not payment["captured"] and not payment["authorised"]:
            return None
        kinds = ("status", "amount", "currency", "authorised", "captured", "refunded")
        told = {kind: payment[kind] for kind in kinds}
        return self.plain(f"money of {payment['attemptId']}: {told}")

    def _key(self, full: str) -> str | None:
        self._of, redis = "", self._stage.house.redis
        key = full.partition(":")[2]
        if key.startswith(_PASSING):
            return None
        held: Any  # of the key's type
        match redis.type(full):
            case "string":
                held = redis.get(full)
            case "zset":
                # Places that are over are there until somebody asks.
                now = round(time.time() * 1000)
                live = redis.zrangebyscore(full, now, "+inf")
                held = sorted(self.plain(str(place)) for place in live)
                if not held:
                    return None
            case _:
                held = redis.hgetall(full)
                if key.startswith("booking:attempt:"):
                    held = "answered" if "answer" in held else "under way"
                else:
                    held = {name: held.get(name) for name in ("slotId", "sendNumber", "attempts")}
        if key.startswith("otp:attempts:"):
            held = self._shown(int(held), "redis", "failures")
        elif "attempts" in self._loose and isinstance(held, dict):
            held["attempts"] = self._shown(int(held["attempts"]), "redis", "attempts")
        return self.plain(f"redis {key} {held}")
