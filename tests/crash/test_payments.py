"""A paying `verify_otp` dies, and before its patient comes back something else has happened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from tests.crash.asking import LET_GO, request
from tests.crash.matrix import Scenario, cuts_of, differences_unretried, play
from tests.crash.paid import IF_STILL_FREE, PAYING
from tests.crash.scenarios import BY_NAME
from tests.crash.stage import Stage
from tests.crash.tally import TALLY

Happening = Callable[[Stage], object]
IS_FULL = os.environ.get("CRASH") == "full"
"""Each happening after each cut; otherwise one of them after each."""


def _hold_over(stage: Stage) -> None:
    stage.holds_end()


def _swept(stage: Stage) -> None:
    stage.holds_end()
    stage.sweep()


def _let_go(stage: Stage) -> None:
    [alice] = [id_ for id_, name in stage.names.items() if name == "alice"]
    for slot in stage.look()["slots"]:
        if slot["status"] == "reserved":
            attempt = slot["hold"]["attemptId"]
            path = "/bookings/{id}/hold"
            stage.invoke("release_hold", request("DELETE", path, attempt, user=alice, key=None))


HAPPENINGS: Sequence[Happening] = [_hold_over, _swept, _let_go]


@pytest.mark.parametrize("settings", [PAYING, IF_STILL_FREE], ids=["refund", "if_still_free"])
@pytest.mark.parametrize("happening", HAPPENINGS)
def test_who_comes_back_after_more_than_a_death_pays_for_what_they_have(
    stage: Stage, happening: Happening, settings: dict[str, str]
) -> None:
    scenario = replace(BY_NAME["verify, paid"], also=["200 ", "201 ", LET_GO], settings=settings)

    wrong = list(_wrong(stage, scenario, happening))

    assert wrong == [], "\n".join(["", *wrong])


def _wrong(stage: Stage, scenario: Scenario, happening: Happening) -> Iterator[str]:
    model = play(stage, scenario)
    cuts = cuts_of(model.life, play(stage, scenario, is_reversed=True).life)
    untouched = play(stage, scenario, cuts[0], model=model, is_retried=False)
    answers = set()
    chosen = cuts if IS_FULL else cuts[HAPPENINGS.index(happening) :: len(HAPPENINGS)]
    for at in chosen:
        got = play(stage, scenario, at, model=model, meanwhile=lambda: happening(stage))
        TALLY.runs += 1
        yield from (f"{at}: {what}" for what in differences_unretried(model, untouched, got))
        is_booked = any(line.startswith("bookings ") for line in got.last.lines)
        if is_booked != got.answer.startswith("2") or (not is_booked and got.answer[:4] != LET_GO):
            yield f"{at}: answered {got.answer}"
        answers.add(got.answer[:3])
    if not {"410"} < answers:
        yield f"answered nothing but {answers}"
