"""Patients who hold, prove and change bookings, by the functions' own processes."""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from bench import events
from bench.ground import KEYS, Ground, a_doctor, a_slot
from slotkeeper.adapters.code_maker import HotpCodes
from slotkeeper.adapters.mongo.documents import DOCTORS, SLOTS
from slotkeeper.adapters.otp_keys import OtpKeys
from slotkeeper.adapters.redis.codes import RedisCodes
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.bootstrap import SystemClock
from slotkeeper.contracts.otp_secret import read_ring
from slotkeeper.domain.key_ring import KeyRing
from slotkeeper.domain.policy import BookingPolicy

Results = list[dict[str, Any]]
LISTED = 400
"""Free slots of the doctor that is looked at: four weeks."""
KEPT_SECONDS = BookingPolicy().hold.total_seconds() / 2
"""How long the slot that others want is counted on: its hold ends, and a run takes longer."""
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Functions(Protocol):
    """Invokes a function with each event; what came of each has its `status` and `body`."""

    def __call__(self, function: str, *asked: events.Event) -> Results: ...


class Clinic:
    """Each kind of request, from those who may make it, so many at a time."""

    def __init__(self, ground: Ground, functions: Functions):
        self._ground = ground
        self._functions = functions
        self._codes = RedisCodes(ground.redis, Keys("local"), BookingPolicy())
        self._maker = HotpCodes(OtpKeys(_Kept(), SystemClock()))  # type: ignore[arg-type]  # a secret
        self._listed = self._a_listed_doctor()
        self._seconds = itertools.count()
        self._take()

    def _take(self) -> None:
        """Have somebody hold a slot, for a while."""
        [self._taken], [self._owner] = self._ground.slots(1), self._ground.patients(1)
        self._key = secrets.token_hex(16)
        self._is_taken_until = time.monotonic() + KEPT_SECONDS
        self._invoke("hold_slot", 202, events.hold(self._taken, self._owner, self._key))

    @property
    def kinds(self) -> Mapping[str, Callable[[int], Results]]:
        """By name, what makes so many requests of that kind and answers what came of each.

        (Verifying and cancelling need no idempotency key: what they change tells a repetition.)
        """
        return {
            "hold": self.hold,
            "hold_refused": self.refused,
            "replay": self.replay,
            "verify": self.verify,
            "verify_keyed": lambda n: self.verify(n, is_keyed=True),
            "cancel": self.cancel,
            "cancel_keyed": lambda n: self.cancel(n, is_keyed=True),
            "reschedule": lambda n: self._invoke(
                "reschedule", 200, *(events.reschedule(*one) for one in self.booked(n))
            ),
            "resend": lambda n: self._invoke(
                "resend_otp", 202, *(events.resend(*one) for one in self.held(n))
            ),
            "list_hit": self.list_hit,
            "list_miss": self.list_miss,
        }

    def asked(self, kind: str, count: int) -> tuple[str, list[events.Event]]:
        """The function of a kind, and so many requests that it has not had."""
        if kind == "hold":
            pairs = zip(self._ground.slots(count), self._ground.patients(count), strict=True)
            return "hold_slot", [events.hold(*pair) for pair in pairs]
        if kind == "verify":
            return "verify_otp", [self.proof(one) for one in self.held(count)]
        if kind == "cancel":
            return "cancel", [events.cancel(*one) for one in self.booked(count)]
        assert kind == "list_hit", kind
        return "list_slots", [events.list_slots(self._listed, self._owner)] * count

    def hold(self, count: int) -> Results:
        return self._invoke("hold_slot", 202, *self.asked("hold", count)[1])

    def refused(self, count: int) -> Results:
        """Holds of a slot that somebody has."""
        if time.monotonic() > self._is_taken_until:
            self._take()
        asked = [events.hold(self._taken, user) for user in self._ground.patients(count)]
        return self._invoke("hold_slot", 409, *asked)

    def replay(self, count: int) -> Results:
        """The request that took that slot, again."""
        asked = events.hold(self._taken, self._owner, self._key)
        return self._invoke("hold_slot", 202, *[asked] * count)

    def verify(self, count: int, *, is_keyed: bool = False) -> Results:
        """The codes of as many holds; `is_keyed`: with an idempotency key, as clients may."""
        asked = [self.proof(one, is_keyed=is_keyed) for one in self.held(count)]
        return self._invoke("verify_otp", 201, *asked)

    def cancel(self, count: int, *, is_keyed: bool = False) -> Results:
        asked = [events.cancel(*one, key=_key(is_keyed)) for one in self.booked(count)]
        return self._invoke("cancel", 200, *asked)

    def list_hit(self, count: int) -> Results:
        _, asked = self.asked("list_hit", count)
        self._invoke("list_slots", 200, asked[0])
        return self._invoke("list_slots", 200, *asked)

    def list_miss(self, count: int) -> Results:
        # From another second each time: the same slots, and a page that nobody has asked for.
        begins = [_BEGIN + timedelta(seconds=next(self._seconds)) for _ in range(count)]
        asked = [
            events.list_slots(self._listed, self._owner, **{"from": f"{begin:%Y-%m-%dT%H:%M:%SZ}"})
            for begin in begins
        ]
        return self._invoke("list_slots", 200, *asked)

    def held(self, count: int) -> list[tuple[str, str]]:
        """Attempts, and whose they are."""
        slots, patients = self._ground.slots(count), self._ground.patients(count)
        asked = [events.hold(slot, user) for slot, user in zip(slots, patients, strict=True)]
        answers = self._invoke("hold_slot", 202, *asked)
        attempts = [json.loads(answer["body"])["attemptId"] for answer in answers]
        return list(zip(attempts, patients, strict=True))

    def booked(self, count: int) -> list[tuple[str, str]]:
        """Bookings, and whose they are."""
        held = self.held(count)
        answers = self._invoke("verify_otp", 201, *map(self.proof, held))
        return [
            (json.loads(answer["body"])["id"], user)
            for answer, (_, user) in zip(answers, held, strict=True)
        ]

    def proof(self, held: tuple[str, str], *, is_keyed: bool = False) -> events.Event:
        """The request that proves the attempt, with the code that its patient was sent."""
        attempt, user = held
        record = self._codes.find(user_id=user, attempt_id=attempt)
        assert record is not None
        settled = self._codes.settle_key(
            user_id=user,
            attempt_id=attempt,
            send_number=record.send_number,
            key_id=self._maker.key_in_use(),
        )
        assert settled is not None
        return events.verify(attempt, user, self._maker.code(settled), key=_key(is_keyed))

    def _invoke(self, function: str, status: int, *asked: events.Event) -> Results:
        """What came of each request; each must have been answered so."""
        results = self._functions(function, *asked)
        wrong = [result for result in results if result["status"] != status]
        assert not wrong, f"{function}: {wrong[0]}"
        return results

    def _a_listed_doctor(self) -> str:
        doctor = f"dr-{secrets.token_hex(4)}"
        first = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
        self._ground.database[DOCTORS].insert_one(a_doctor(doctor))
        slots = [a_slot(doctor, first + timedelta(hours=n)) for n in range(LISTED)]
        self._ground.database[SLOTS].insert_many(slots)
        return doctor


def _key(is_keyed: bool) -> str | None:
    return secrets.token_hex(16) if is_keyed else None


class _Kept:
    """The secret with the keys of codes, as the functions' processes are given it."""

    def value(self, has: Callable[[KeyRing], bool] = bool) -> KeyRing:
        return read_ring(KEYS)
