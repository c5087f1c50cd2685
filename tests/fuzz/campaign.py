"""A whole campaign: schemathesis as everybody, and requests by chance; what it all came to."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import schema
from tests.fuzz.corpus import PLANTED, Given
from tests.fuzz.fronts import Front, Tally, front, made_by
from tests.fuzz.ground import OTHERS, ROLES, Ground
from tests.fuzz.mutate import Mutator, run
from tests.fuzz.wire import Answer, Sent, over_http

LANES = 2
"""Fronts at work at once: a front and who asks it keep about one core busy."""
SAY_AFTER = 1_000
COUNTED = ("doctors", "bookings", "slots", "schedules", "users")
"""Collections in which each document is told of in an answer."""


@dataclass
class Campaign:
    """`examples` are schemathesis' for each operation; `mutated` the requests made by chance."""

    ground: Ground
    folder: Path
    seed: int
    examples: int
    mutated: int
    phases: str = "examples,coverage,fuzzing,stateful"
    roles: Sequence[str] = ROLES
    tally: Tally = field(default_factory=Tally)
    schema_runs: dict[str, subprocess.CompletedProcess[str]] = field(default_factory=dict)
    logs: str = ""
    seconds: float = 0.0

    def run(self) -> None:
        started, before = time.monotonic(), self._counts()
        with ExitStack() as stack, ThreadPoolExecutor(LANES) as pool:
            environment = self.ground.environment
            fronts = [
                stack.enter_context(front(environment, self.folder / f"front-{n}"))
                for n in range(LANES)
            ]
            list(pool.map(self._by_chance, fronts, range(LANES)))
            say(f"by chance: {self.mutated} requests in {time.monotonic() - started:.0f} s")
            free = list(fronts)  # who is done gives its front to the next
            list(pool.map(lambda role: self._by_schema(role, free), self.roles))
        for one in fronts:
            self.tally.add(one.notes)
            self.logs += one.log
        self.seconds = time.monotonic() - started
        self._before = before

    def _by_chance(self, at: Front, lane: int) -> None:
        mutator = mutator_of(self.ground, f"{self.seed}/{lane}", LANES, lane)
        done = 0

        def saw(_: Sent, __: Answer) -> None:
            nonlocal done
            done += 1
            if done % SAY_AFTER == 0:
                say(f"by chance, lane {lane}: {done} of {self.mutated // LANES}")

        run(mutator, over_http(at.url), self.mutated // LANES, saw)

    def _by_schema(self, role: str, free: list[Front]) -> None:
        at = free.pop()
        where = self.folder / role
        where.mkdir()
        began = time.monotonic()
        done = schema.fuzz(
            where,
            schema.document_for(role),
            schema.Run(
                role=role,
                token=self.ground.people.tokens.get(role),
                ids=ids_of(self.ground),
                url=at.url,
                examples=self.examples,
                seed=self.seed,
                phases=self.phases,
            ),
        )
        free.append(at)
        self.schema_runs[role] = done
        told = f"{schema.requests_of(done)} cases in {time.monotonic() - began:.0f} s"
        say(f"schemathesis as {role}: {told}{'' if done.returncode == 0 else ', FAILED'}")

    # --- what it came to

    def findings(self) -> list[str]:
        """Everything that is wrong: with answers, with logs, with what is left."""
        return [
            *(f"{note['route']} {note['faults']}: {note['sent']}" for note in self.tally.faults),
            *(
                f"schemathesis as {role}:\n{_failures(done.stdout)}\n{done.stderr[-2_000:]}"
                for role, done in self.schema_runs.items()
                if done.returncode != 0
            ),
            *(f"in a log: {word!r}" for word in self._told_in_logs()),
            *self.ground.what_is_left(),
            *self._unaccounted(),
        ]

    def _told_in_logs(self) -> list[str]:
        people = self.ground.people
        profiles = self.ground.database["users"].find({}, {"phone": 1, "email": 1})
        personal = {str(u[name]) for u in profiles for name in ("phone", "email") if u.get(name)}
        secrets = {token.rpartition(".")[2] for token in people.tokens.values()}
        words = [*personal, *secrets, *OTHERS.values(), PLANTED, "Traceback", "invocation.failed"]
        return [word for word in words if word in self.logs]

    def _unaccounted(self) -> list[str]:
        made = made_by(self.tally.made)
        now = self._counts()
        return [
            f"{now[name]} {name}: {self._before[name]} before, {made[name]} made as was answered"
            for name in COUNTED
            if now[name] != self._before[name] + made[name]
        ]

    def _counts(self) -> Counter[str]:
        database = self.ground.database
        return Counter({name: database[name].count_documents({}) for name in COUNTED})

    def report(self) -> str:
        rate = self.tally.requests / max(self.seconds, 1)
        cases = {role: schema.requests_of(done) for role, done in self.schema_runs.items()}
        told = (
            f"{self.tally.requests} requests in {self.seconds:.0f} s ({rate:.0f}/s) of the real"
            f" handlers over HTTP, one process a lane; seed {self.seed}"
        )
        return "\n".join(
            [
                self.tally.table(),
                f"schemathesis: {', '.join(f'{n} as {role}' for role, n in cases.items())}",
                told,
            ]
        )


_turn = threading.Lock()


def say(text: str) -> None:
    with _turn:
        print(text, flush=True)


def given_of(ground: Ground) -> Given:
    people = ground.people
    return Given(
        ids={
            "doctor": people.doctor,
            "slot": people.slots[0],
            "booking": people.bookings[0],
            "attempt": people.attempts[0],
        },
        others={
            "doctor": people.other_doctor,
            "booking": people.other_booking,
            "attempt": people.other_attempt,
            "slot": f"{people.other_doctor}_20990101T0900Z",
        },
        tokens=people.tokens,
    )


def ids_of(ground: Ground) -> Mapping[str, Sequence[str]]:
    people = ground.people
    return {
        "doctor": [people.doctor],
        "slot": people.slots,
        "booking": people.bookings,
        "attempt": people.attempts,
        "tag": ['"1"', '"1", W/"2"', "*"],
    }


def mutator_of(ground: Ground, seed: str, lanes: int = 1, lane: int = 0) -> Mutator:
    """Lanes share no slot, so that each goes the same way every time."""
    house, user = ground.house, ground.people.ids["patient"]

    def code(attempt: str) -> str | None:
        record = house.settled(attempt, user)
        return None if record is None else house.maker.code(record)

    return Mutator(
        given=given_of(ground),
        free=ground.people.slots[lane::lanes],
        codes=code,
        chance=random.Random(seed),  # noqa: S311  # to be made again, not to be guessed
    )


def _failures(told: str) -> str:
    return told[told.find(" FAILURES ") :][:20_000]
