"""What a race is: sixty-four contenders, a judge, and the same again without its guard."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from slotkeeper.domain.errors import BrokenInvariant, Unavailable
from tests.concurrency.at_once import Call, at_once
from tests.concurrency.commands import Lead
from tests.concurrency.lost import Lost
from tests.concurrency.observer import Observer
from tests.concurrency.sound import ensure_sound
from tests.support.house import House

THREADS = 64
CONTROL_ROUNDS = 40
"""Within so many rounds a race without its guard must be lost. Most are in the first."""

Results = Mapping[str, Sequence[Any]]
"""What each side's contenders returned or raised."""


def rounds(in_ci: int) -> int:
    """As many as the environment asks for (`make races ROUNDS=...`), or what CI has time for."""
    return int(os.environ.get("RACE_ROUNDS") or in_ci)


@dataclass(frozen=True, kw_only=True)
class Round:
    """Contenders by side, and who tells from their results how it ended (or raises Lost)."""

    sides: Mapping[str, Sequence[Call]]
    judge: Callable[[Results], str]
    slots: Sequence[str] = ()
    """Slots that an observer keeps its eyes on meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """A house in which one guard does not work, and what must then come to pass."""

    guard: str
    off: Callable[[House], House]
    harms: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Race:
    """`begin` sets a round up; `lead` is by how much its first side is ahead (`Odds`)."""

    name: str
    begin: Callable[[House, int], Round]
    controls: Sequence[Control]
    rounds: int
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """Those that must each be seen; 1 where a longer lead makes it likelier, -1 where a shorter."""
    also: frozenset[str] = frozenset()
    """Outcomes that may be seen."""
    house: Callable[[House], House] = lambda house: house
    """The rules it is run under."""
    first: str | None = None
    """The side that is so many of its commands ahead of the others, or the others of it."""

    def run(self, house: House, lead: int) -> str:
        """One round; how it ended. Raises Lost; AssertionError where it was judged otherwise.

        A call that timed out may have had its effect or not: no result can be held against it, and
        where no harm was done nothing is said of the round. Raises Unavailable.
        """
        round_ = self.begin(house, lead)
        calls = [(side, call) for side, calls in round_.sides.items() for call in calls]
        assert len(calls) >= THREADS
        watch = Observer(house, round_.slots) if round_.slots else nullcontext()
        with watch:
            if self.first is None:
                answers = at_once([call for _, call in calls])
            else:
                with Lead(lead) as leading:
                    answers = at_once(leading.of(calls, first=self.first))
        results: dict[str, list[Any]] = {side: [] for side in round_.sides}
        for (side, _), answer in zip(calls, answers, strict=True):
            results[side].append(answer)
        unknown = [answer for answer in answers if isinstance(answer, Unavailable)]
        try:
            outcome = round_.judge(results)
        except Lost:
            raise
        except AssertionError:
            if unknown:
                raise unknown[0] from None
            raise
        if unknown:
            raise unknown[0]
        return outcome

    def run_guarded(self, house: House, wanted: int) -> Counter[str]:
        """How often each outcome was seen in `wanted` rounds. Raises Lost."""
        house = self.house(house)
        odds, won, unknown = Odds(self.outcomes), Counter[str](), 0
        while sum(won.values()) < wanted or not self._is_balanced(won, 4 * wanted):
            try:
                outcome = self.run(house, odds.lead)
            except Unavailable:
                unknown += 1
                assert unknown <= wanted, "the servers do not keep up"
                continue
            won[outcome] += 1
            odds.learn(outcome)
        assert set(won) <= set(self.outcomes) | self.also
        assert set(won) >= set(self.outcomes), f"one-sided: {won}"
        ensure_sound(house)
        return won

    def run_until_lost(self, house: House, control: Control) -> int:
        """After how many rounds without its guard the race was lost as the control says."""
        house = control.off(self.house(house))
        odds = Odds(self.outcomes)
        for number in range(1, CONTROL_ROUNDS + 1):
            try:
                odds.learn(self.run(house, odds.lead))
            except (AssertionError, Unavailable) as ended:
                # It may be lost in yet another way first: that is not what is to be shown.
                if isinstance(ended, Lost) and ended.harm in control.harms:
                    return number
        raise AssertionError(f"never lost without {control.guard}: {self.name} proves nothing")

    def _is_balanced(self, won: Counter[str], most: int) -> bool:
        return set(won) >= set(self.outcomes) or sum(won.values()) >= most


class Odds:
    """By how much one side is ahead, moved until both sides win about as often.

    In long steps until the other side wins as well, in short ones around the edge from then on.
    """

    def __init__(self, outcomes: Mapping[str, int], step: int = 16):
        self._outcomes = outcomes
        self._step = step
        self._last = 0
        self.lead = 0

    def learn(self, outcome: str) -> None:
        way = -self._outcomes.get(outcome, 0)
        if way == -self._last:
            self._step = max(1, self._step // 2)
        self._last = way or self._last
        self.lead += way * self._step


def broken(results: Sequence[Any]) -> list[BrokenInvariant]:
    return [result for result in results if isinstance(result, BrokenInvariant)]
