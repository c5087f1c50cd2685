"""Does one fault after another, and waits for the service to come back by itself each time."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from chaos.faults import FAULTS, Fault
from chaos.ground import Ground
from chaos.history import History
from local.config import Topology

CALM_SECONDS = (4.0, 8.0)
RECOVERY_SECONDS = 60.0
"""Who is not back by then is reported as not back."""
HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """One fault that was done; instants in seconds since the epoch."""

    fault: str
    began: float
    ended: float
    counted_from: float
    recovered_at: float | None
    """When the first hold that was asked for after `counted_from` was answered."""


def schedule(topology: Topology, seed: int) -> Iterator[Fault]:
    """The faults of the topology in random order, again and again: none twice before all once."""
    rng = random.Random(seed)  # noqa: S311  # a repeatable order, no secret
    possible = [fault for fault in FAULTS if topology in fault.where]
    for _ in count():
        yield from rng.sample(possible, len(possible))


def strike(
    ground: Ground,
    faults: Iterator[Fault] | Sequence[Fault],
    history: History,
    *,
    until: float,
    seed: int,
    tell: Callable[[str], None],
    stopping: threading.Event,
    calm: tuple[float, float] = CALM_SECONDS,
) -> list[Struck]:
    """Do faults until that instant (monotonic), or there are no more; what was done."""
    rng = random.Random(seed)  # noqa: S311
    struck = []
    for fault in faults:
        wait = rng.uniform(*calm)
        if time.monotonic() + wait + fault.seconds > until or stopping.wait(wait):
            break
        done = _strike_one(ground, fault, history, stopping)
        struck.append(done)
        tell(_told(done))
    return struck


def _strike_one(
    ground: Ground, fault: Fault, history: History, stopping: threading.Event
) -> Struck:
    history.fault(fault=fault.name, phase="do")
    began = time.time()
    undo = fault.do(ground)
    done = time.time()
    try:
        stopping.wait(fault.seconds)
    finally:
        undo()
    ended = time.time()
    history.fault(fault=fault.name, phase="undo")
    is_survived = ground.config.topology in fault.survived_in
    counted_from = done if is_survived else ended
    recovered_at = _await_hold(history, counted_from, stopping)
    return Struck(
        fault=fault.name,
        began=began,
        ended=ended,
        counted_from=counted_from,
        recovered_at=recovered_at,
    )


def _await_hold(history: History, after: float, stopping: threading.Event) -> float | None:
    ends_at = time.monotonic() + RECOVERY_SECONDS
    while (found := history.first_done(HOLD, after)) is None:
        if time.monotonic() > ends_at or stopping.wait(0.2):
            return None
    return found


def _told(done: Struck) -> str:
    if done.recovered_at is None:
        return f"{done.fault}: NOT BACK after {RECOVERY_SECONDS:.0f} s"
    return f"{done.fault}: held again after {done.recovered_at - done.counted_from:.1f} s"
