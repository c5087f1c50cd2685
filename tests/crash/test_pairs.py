"""Death in the recovery from a death: the client's retry is cut as well."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.crash.life import Cut
from tests.crash.matrix import Scenario, cuts_of, differences, play
from tests.crash.scenarios import BY_NAME
from tests.crash.stage import Stage
from tests.crash.tally import TALLY

FLOWS = (
    *("hold", "hold, to replace a booking", "verify", "verify, to replace a booking"),
    *("resend", "release", "cancel", "reschedule", "remove time"),
    "verify, paid",
)
ONE_IN = 1 if os.environ.get("CRASH") == "full" else 20
"""All pairs in the long form (`make crash-pairs`), some each time."""


@pytest.mark.parametrize("name", FLOWS)
def test_second_death_is_made_good_like_the_first(stage: Stage, name: str) -> None:
    wrong = list(_wrong(stage, BY_NAME[name]))

    assert wrong == [], "\n".join(["", *wrong])


def _wrong(stage: Stage, scenario: Scenario) -> Iterator[str]:
    model = play(stage, scenario)
    number = 0
    for first in cuts_of(model.life, play(stage, scenario, is_reversed=True).life):
        # How far a retry comes depends on where the first died: until it lives to its end.
        second, lived = -1, False
        while not lived:
            second += 1
            number += 1
            is_last = second > len(model.life.begun) * 2
            assert not is_last, "a retry does more and more"
            if number % ONE_IN:
                lived = second >= len(model.life.begun)
                continue
            again = Cut(second, "after")
            got = play(stage, scenario, first, model=model, again=again)
            lived = got.deaths == 1
            TALLY.pairs += not lived
            yield from (
                f"{first}, then after no. {second}: {what}"
                for what in differences(scenario, model, got)
            )
