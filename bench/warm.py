"""Warm requests: the handlers as they are called, beside the bare calls that the rules need.

What a request sends to AWS is taken at no cost (`bench.taking`); a real send has a row of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from bench.clinic import LISTED, Clinic, Results
from bench.events import Event
from bench.ground import DATABASE, Ground
from bench.process import Bare, Inside
from bench.sending import emulated
from bench.series import Found, Show, Size, figures, interleaved
from slotkeeper.adapters.mongo.documents import SLOTS

ROUNDS: Mapping[Size, int] = {"full": 30, "short": 6}
AT_ONCE = 10
"""Requests of one kind before the next kind's turn."""
UNITS = {"ms": "ms", "cpu_us": "µs"}
BARE = ("hold", "taken", "verify", "cancel", "get", "list_miss")


class Processes:
    """A process of each function that is called, started at its first call."""

    def __init__(self, ground: Ground, **how: Any):  # Any: of `Inside`
        self._ground = ground
        self._how = how
        self._started: dict[str, Inside] = {}

    def __call__(self, function: str, *asked: Event) -> Results:
        return self.of(function).invoke(*asked)

    def of(self, function: str) -> Inside:
        if function not in self._started:
            self._started[function] = Inside(self._ground, function, **self._how)
        return self._started[function]

    def close(self) -> None:
        for process in self._started.values():
            process.close()


@contextmanager
def processes(ground: Ground, **how: Any) -> Iterator[Processes]:  # Any: of `Inside`
    """As they are asked for; all ended with the block."""
    made = Processes(ground, **how)
    try:
        yield made
    finally:
        made.close()


def measure(ground: Ground, show: Show, size: Size) -> Found:
    """Handlers and bare calls, `AT_ONCE` of a kind in turn with the others."""
    rounds = ROUNDS[size]
    show(f"warm: {rounds} x {AT_ONCE} requests of each kind, beside bare calls")
    with processes(ground) as functions, Bare(ground) as bare:
        clinic = Clinic(ground, functions)
        batches: dict[str, Callable[[], Results]] = {
            f"warm.{name}": times(run) for name, run in clinic.kinds.items()
        }
        batches |= {f"floor.{op}": times(partial(bare.run, op)) for op in BARE}
        if size == "full":
            with (
                emulated(ground) as environ,
                processes(ground, sends=True, environ=environ) as sent,
            ):
                batches["warm.hold_sent"] = times(Clinic(ground, sent).hold)
                found = in_turn(batches, rounds, show)
        else:
            found = in_turn(batches, rounds, show)
        for name in ("hold_slot", "verify_otp", "list_slots"):
            found[f"memory.{name}.warm_mb"] = functions.of(name).peak_mb
        return found | examined(ground, clinic)


def profiles(ground: Ground) -> dict[str, list[dict[str, Any]]]:
    """Of each kind of request, the functions that took the most of the processor."""
    found = {}
    with processes(ground) as functions:
        clinic = Clinic(ground, functions)
        for kind in ("hold", "verify", "cancel", "list_hit"):
            for count in (5, 100):  # warm first
                function, asked = clinic.asked(kind, count)
                if count == 100:
                    found[kind] = functions.of(function).profile(*asked)
                else:
                    functions(function, *asked)
    return found


def in_turn(batches: Mapping[str, Callable[[], Results]], rounds: int, show: Show) -> Found:
    """Their samples, after one batch of each that is not counted."""
    for run in batches.values():
        run()
    taken = interleaved(batches, rounds, show)
    each = {name: [one for batch in found for one in batch] for name, found in taken.items()}
    return dict(figures(each, UNITS))


def times(run: Callable[[int], Results]) -> Callable[[], Results]:
    return lambda: run(AT_ONCE)


def examined(ground: Ground, clinic: Clinic) -> Found:
    """What MongoDB read for a page of free slots that nobody kept, told by its own profiler."""
    database = ground.database
    database.command("profile", 2)
    try:
        clinic.list_miss(1)
    finally:
        database.command("profile", 0)
    notes = list(database["system.profile"].find({"ns": f"{DATABASE}.{SLOTS}"}))
    database.drop_collection("system.profile")
    pages = [note for note in notes if "find" in note["command"]]
    counts = [note for note in notes if _is_count(note["command"])]
    assert pages
    assert counts
    return {
        "list_miss.keys_beyond": max(
            *(note["keysExamined"] - note["nreturned"] for note in pages),
            *(note["keysExamined"] - LISTED for note in counts),
        ),
        "list_miss.documents": max(note["docsExamined"] for note in notes),
    }


def _is_count(command: Mapping[str, Any]) -> bool:
    return "aggregate" in command and any(
        "$sum" in str(stage.get("$group", "")) for stage in command["pipeline"]
    )
