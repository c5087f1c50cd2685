"""The order of faults, and what is noted of each."""

from __future__ import annotations

import threading
import time
from itertools import islice
from types import SimpleNamespace
from typing import cast

import pytest

from chaos.faults import FAULTS, Fault, Undo
from chaos.ground import Ground
from chaos.history import Fate, History, Try
from chaos.nemesis import HOLD, schedule, strike
from local.config import TOPOLOGIES, Topology


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_no_fault_comes_twice_before_all_came_once(topology: Topology) -> None:
    possible = {fault.name for fault in FAULTS if topology in fault.where}

    first_round = {fault.name for fault in islice(schedule(topology, 7), len(possible))}

    assert first_round == possible


def test_the_same_seed_gives_the_same_order() -> None:
    orders = [[f.name for f in islice(schedule("ha", seed), 60)] for seed in (7, 7, 8)]

    assert orders[0] == orders[1] != orders[2]


def test_faults_have_names_of_their_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


class Broken:
    """A part that is broken between `do` and its undoing, and who is told so."""

    def __init__(self, history: History):
        self.is_broken = False
        self._history = history

    def do(self, _: Ground) -> Undo:
        self.is_broken = True
        return self.mend

    def mend(self) -> None:
        self.is_broken = False
        self._history.tried(granted(began=time.time() + 0.001))


def granted(began: float) -> Try:
    return Try(
        request="r",
        number=1,
        patient="alice",
        op=HOLD,
        began=began,
        ended=began + 0.25,
        status=202,
        code=None,
        fate=Fate.DONE,
    )


def ground(topology: Topology) -> Ground:
    return cast("Ground", SimpleNamespace(config=SimpleNamespace(topology=topology)))


def test_a_fault_is_undone_and_recovery_counted_from_then() -> None:
    history = History()
    part = Broken(history)
    history.tried(granted(began=time.time() - 60))

    [struck] = strike(
        ground("single"),
        [Fault(name="broken", do=part.do, seconds=0.01)],
        history,
        until=time.monotonic() + 60,
        seed=1,
        tell=lambda _: None,
        stopping=threading.Event(),
        calm=(0.0, 0.0),
    )

    assert not part.is_broken
    assert struck.counted_from == struck.ended
    assert struck.recovered_at is not None
    assert struck.recovered_at - struck.counted_from < 1.0
    assert [told["phase"] for told in history.faults] == ["do", "undo"]


def test_no_fault_begins_that_would_not_end_in_time() -> None:
    part = Broken(History())

    struck = strike(
        ground("single"),
        [Fault(name="broken", do=part.do, seconds=30)],
        History(),
        until=time.monotonic() + 1,
        seed=1,
        tell=lambda _: None,
        stopping=threading.Event(),
        calm=(0.0, 0.0),
    )

    assert struck == []
