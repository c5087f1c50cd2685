"""Two patients, one of them with two tabs, and a clinic, all at one slot through the services."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from slotkeeper.adapters.mongo.documents import SLOTS
from slotkeeper.domain.attempt import attempt_id, booking_id
from slotkeeper.domain.errors import (
    BookingNotConfirmed,
    BrokenInvariant,
    HoldExpired,
    NotFound,
    SlotHeld,
    SlotUnavailable,
    Unavailable,
)
from slotkeeper.domain.user import Caller, Role
from tests.concurrency.at_once import at_once
from tests.concurrency.history import FOREVER, Answer, Did, Operation, State
from tests.support.house import House
from tests.support.managing import Managing

PATIENT_DOES = [Did.HOLD] * 3 + [Did.VERIFY] * 3 + [Did.RELEASE, Did.CANCEL]
CLINIC_DOES = [Did.BLOCK, Did.UNBLOCK, Did.LAPSE, Did.SWEEP]
STEPS = 3
_REFUSED = (SlotHeld, SlotUnavailable, HoldExpired, BookingNotConfirmed, NotFound)


@dataclass
class Story:
    """What four did, three things each, as the seed has it; `ends` is the slot's state then."""

    house: House
    seed: int
    operations: list[Operation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311  # a story, no secret
        self._clock = itertools.count()
        self._clinic = Managing(self.house)
        self.slot = self.house.slot()
        self._alice, self._bob = self.house.patients(2)
        self._newest: dict[str, str] = {}
        self._codes: dict[str, str] = {}
        self.begins = self._beginning()

    def run(self) -> None:
        actors = [
            (self._alice, PATIENT_DOES),
            (self._alice, PATIENT_DOES),
            (self._bob, PATIENT_DOES),
            ("", CLINIC_DOES),
        ]
        at_once([self._acting(who, self._chance.choices(does, k=STEPS)) for who, does in actors])

    @property
    def ends(self) -> tuple[str, str]:
        """Status and attempt, as they are stored."""
        document = self.house.document(self.slot)
        status = document["status"]
        if status == "reserved":
            is_live = self.house.database[SLOTS].count_documents(
                {"_id": self.slot, "$expr": {"$gt": ["$hold.expiresAt", "$$NOW"]}}
            )
            return ("reserved" if is_live else "lapsed"), document["hold"]["attemptId"]
        if status == "booked":
            return status, "at_" + document["bookingId"].removeprefix("bk_")
        return status, ""

    def _beginning(self) -> State:
        """Free, held or booked by the first patient."""
        status = self._chance.choice(["active", "reserved", "booked"])
        if status == "active":
            return State()
        attempt = self._hold(self._alice)
        if status == "reserved":
            return State("reserved", attempt, self._alice)
        self.house.verify(attempt, self._alice)
        return State("booked", attempt, self._alice, confirmed=frozenset({attempt}))

    def _acting(self, who: str, does: list[Did]) -> Callable[[], None]:
        def act() -> None:
            for did in does:
                self._do(who, did)

        return act

    def _do(self, who: str, wanted: Did) -> None:
        attempt = self._newest.get(who, "")
        did = wanted if attempt or not who else Did.HOLD
        key = f"{self.seed:08}{next(self._clock):08}"
        began = next(self._clock)
        try:
            if did is Did.HOLD:
                attempt, answer = attempt_id(who, key, self.slot), Answer.UNKNOWN
                attempt, answer = self._hold(who, key), Answer.DONE
            else:
                answer = self._answer(who, did, attempt)
        except _REFUSED:
            answer = Answer.REFUSED
        except Unavailable:
            answer = Answer.UNKNOWN
        except BrokenInvariant:
            answer = Answer.BROKEN
        ended = FOREVER if answer is Answer.UNKNOWN else next(self._clock)
        self.operations.append(
            Operation(did=did, answer=answer, began=began, ended=ended, who=who, attempt=attempt)
        )

    def _hold(self, who: str, key: str | None = None) -> str:
        attempt = self.house.hold(self.slot, who, key)
        record = self.house.settled(attempt, who)
        if record is not None:
            self._codes[attempt] = self.house.maker.code(record)
        self._newest[who] = attempt
        return attempt

    def _answer(self, who: str, did: Did, attempt: str) -> Answer:
        match did:
            case Did.VERIFY:
                # Whoever never saw the code was too late to: any will do.
                code = self._codes.get(attempt, "000000")
                confirmation = self.house.verify(attempt, who, code)
                return Answer.DONE if confirmation.is_new else Answer.AGAIN
            case Did.RELEASE:
                self.house.release(attempt, who)
            case Did.CANCEL:
                caller = Caller(user_id=who, role=Role.PATIENT)
                self.house.cancel(booking_id(attempt), caller)
            case Did.BLOCK | Did.UNBLOCK:
                self._clinic.block(self.slot, is_blocked=did is Did.BLOCK)
            case Did.LAPSE:
                self.house.redis.delete(self.house.keys.lock(self.slot))
                # Long past: also for what began before, which is judged by when it began.
                past = datetime.now(UTC) - timedelta(hours=1)
                self.house.database[SLOTS].update_one(
                    {"_id": self.slot, "status": "reserved"}, {"$set": {"hold.expiresAt": past}}
                )
            case Did.SWEEP:
                self.house.sweep()
            case _:
                raise AssertionError(did)
        return Answer.DONE
