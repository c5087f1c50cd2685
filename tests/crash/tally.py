"""How much was tried: told at the end of the run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Tally:
    scenarios: int = 0
    effects: int = 0
    cuts: int = 0
    runs: int = 0
    pairs: int = 0
    kills: int = 0
    sent_twice: int = 0

    def __str__(self) -> str:
        return (
            f"crash matrix: {self.scenarios} scenarios, {self.effects} effects, {self.cuts} cuts"
            f" ({self.runs} runs), {self.pairs} pairs of cuts, {self.kills} real kills;"
            f" a message sent twice in {self.sent_twice} cuts, all between provider and mark"
        )


TALLY = Tally()
