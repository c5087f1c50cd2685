"""What a run's locust wrote down: times and answers of each operation, and the bookings it was told
are confirmed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Of one operation, in milliseconds; all answers count, also refusals."""

    count: int
    p50: float
    p95: float
    p99: float
    longest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """So many answers of one kind to one operation."""

    operation: str
    status: int
    code: str
    meaning: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    seconds: float
    times: Mapping[str, Times]
    answers: Sequence[Answers]

    @property
    def requests(self) -> int:
        return sum(one.count for one in self.answers)

    def count(self, meaning: str) -> int:
        return sum(one.count for one in self.answers if one.meaning == meaning)

    def statuses(self) -> Counter[int]:
        found: Counter[int] = Counter()
        for one in self.answers:
            found[one.status] += one.count
        return found


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A booking that the service said is confirmed; `who` is the line of the patient's token."""

    booking_id: str
    who: int
    was_ended: bool
    """Its patient asked for its end since, whatever became of that."""


def read_results(file: Path) -> Results:
    told: dict[str, Any] = json.loads(file.read_text())
    return Results(
        seconds=told["seconds"],
        times={name: Times(**times) for name, times in told["times"].items()},
        answers=[Answers(**one) for one in told["answers"]],
    )


def read_confirmed(file: Path) -> list[Confirmed]:
    """One for each booking; a line says that it is confirmed, perhaps a later one that it ends."""
    who: dict[str, int] = {}
    ended: set[str] = set()
    lines = file.read_text().splitlines() if file.exists() else []
    for line in lines:
        told = json.loads(line)
        if told["what"] == "confirmed":
            who[told["bookingId"]] = told["who"]
        else:
            ended.add(told["bookingId"])
    return [Confirmed(id_, number, id_ in ended) for id_, number in who.items()]
