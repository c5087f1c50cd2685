"""Every function, cut at every boundary between two effects."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.crash import boundaries
from tests.crash.matrix import (
    CutAt,
    Played,
    Scenario,
    cuts_of,
    differences,
    differences_unretried,
    play,
    was_cut_there,
    writes,
)
from tests.crash.scenarios import SCENARIOS
from tests.crash.stage import Stage
from tests.crash.tally import TALLY
from tests.support.routes import FUNCTIONS, operations_of

IS_FULL = os.environ.get("CRASH") == "full"
"""Both sides of every effect, also where another cut leaves the same behind; and after each of them
also a run in which the client never comes back, not only after some."""
FORSAKEN = 1 if IS_FULL else 4
"""Of so many cuts one is followed by a run without the client."""
IS_WRITING = os.environ.get("CRASH") == "write"
SHARES = 4
TODAY = datetime.now(UTC).toordinal() % SHARES
"""All cuts take too long for CI: each day has one in four of them, and four days have all."""
TAKES_ALL = os.environ.get("CRASH") in {"every", "full"}


@pytest.fixture(scope="module")
def known() -> Iterator[dict[str, list[str]]]:
    """The effects of each scenario as they are written down."""
    effects = boundaries.read()
    yield effects
    if IS_WRITING:
        names = [scenario.name for scenario in SCENARIOS]
        boundaries.write({name: effects[name] for name in names if name in effects})


STORES_NOTHING = {"check_release", "web"}
"""The first asks, and tells CodeDeploy; told nothing, that takes the release back. The other gives
out files."""


def test_every_function_and_operation_has_a_scenario() -> None:
    folders = {path.name for path in FUNCTIONS.iterdir() if (path / "app.py").exists()}
    folders -= STORES_NOTHING
    operations = {(f, operation.name) for f in folders for operation in operations_of(f)}

    assert {scenario.function for scenario in SCENARIOS} == folders
    assert {(s.function, s.operation) for s in SCENARIOS if s.operation} == operations
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)


def test_only_scenarios_there_are_are_written_down() -> None:
    assert set(boundaries.read()) == {scenario.name for scenario in SCENARIOS}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_death_anywhere_is_made_good(
    stage: Stage, known: dict[str, list[str]], scenario: Scenario
) -> None:
    """By the client's retry and the sweeps, or, where no client comes back, by the sweeps."""
    model, backward = play(stage, scenario), play(stage, scenario, is_reversed=True)
    found = [effect.label for effect in model.life.begun]
    if IS_WRITING:
        known[scenario.name] = found
        return
    # Another effect than those: look at what it may leave half done, then `make crash-boundaries`.
    assert boundaries.difference(known.get(scenario.name, []), found) == ""
    assert model.problems == []
    assert model.answer.startswith(scenario.answer), model.answer
    assert list(differences(scenario, model, backward)) == []

    cuts = cuts_of(model.life, backward.life, is_full=IS_FULL)
    share = cuts if TAKES_ALL else [at for n, at in enumerate(cuts) if n % SHARES == TODAY]
    wrong = list(_wrong(stage, scenario, model, backward, cuts[0], share))

    assert wrong == [], "\n".join(["", *wrong])
    assert _uncut(model, backward, cuts) == set()
    TALLY.scenarios += 1
    TALLY.effects += len(found)
    TALLY.cuts += len(share)


def _wrong(
    stage: Stage,
    scenario: Scenario,
    model: Played,
    backward: Played,
    first: CutAt,
    cuts: list[CutAt],
) -> Iterator[str]:
    """`first`: before anything was done."""
    nothing = model
    if scenario.is_request:
        nothing = play(stage, scenario, first, model=model, is_retried=False)
        TALLY.runs += 1
        yield from (f"nothing done: {what}" for what in nothing.problems)
    for number, at in enumerate(cuts, start=len(scenario.name)):
        got = play(stage, scenario, at, model=model)
        TALLY.runs += 1
        TALLY.sent_twice += got.sent_twice
        recorded = backward.life if at.is_reversed else model.life
        if not was_cut_there(at, got, recorded):
            yield f"{at}: died elsewhere: {[effect.label for effect in got.life.begun]}"
        yield from (f"{at}: {what}" for what in differences(scenario, model, got))
        if scenario.is_request and number % FORSAKEN == 0:
            got = play(stage, scenario, at, model=model, is_retried=False)
            TALLY.runs += 1
            found = differences_unretried(model, nothing, got)
            yield from (f"{at}, never sent again: {what}" for what in found)


def _uncut(model: Played, backward: Played, cuts: list[CutAt]) -> set[str]:
    """Effects before or after which nobody died."""
    lives = {False: model.life, True: backward.life}
    left = set()
    for at in cuts:
        begun = lives[at.is_reversed].begun
        left.add(writes(begun[: at.cut.number + (at.cut.side == "after")]))
    begun = model.life.begun
    return {
        effect.label
        for number, effect in enumerate(begun)
        if not {writes(begun[:number]), writes(begun[: number + 1])} <= left
    }
