"""Every race, as it is and without its guards."""

from __future__ import annotations

from typing import Any

import pytest

from tests.concurrency.race import THREADS, Control, Race, rounds
from tests.concurrency.races import RACES
from tests.support.house import House

PROMISED = frozenset(
    {
        "hold/hold",
        "verify/verify",
        "verify/expire",
        "verify/release",
        "cancel/cancel",
        "cancel/reschedule",
        "reschedule/reschedule",
        "replaces/cancel",
        "relay/relay",
        "seal/seal",
        "seal/write",
        "schedule/schedule",
    }
)
CONTROLS = [(race, control) for race in RACES.values() for control in race.controls]


@pytest.mark.parametrize("race", RACES.values(), ids=RACES)
def test_no_race_is_lost(race: Race, house: House) -> None:
    won = race.run_guarded(house, rounds(race.rounds))

    print(f"{race.name}: {THREADS} threads, {won.total()} rounds: {dict(won)}")


@pytest.mark.parametrize(
    ("race", "control"), CONTROLS, ids=[f"{race.name} without {c.guard}" for race, c in CONTROLS]
)
def test_control_without_its_guard_the_race_is_lost(
    race: Race, control: Control, house: House
) -> None:
    number = race.run_until_lost(house, control)

    print(f"{race.name} without {control.guard}: lost in round {number}")


def test_every_race_there_must_be_is_run_with_its_guard_and_without() -> None:
    guarded = {race.name for race in _cases_of(test_no_race_is_lost)}
    controls = _cases_of(test_control_without_its_guard_the_race_is_lost)
    without = {race.name for race, _ in controls}

    assert guarded >= PROMISED
    assert without == guarded


def _cases_of(test: Any) -> list[Any]:  # Any: what pytest has written on a function
    """What a parametrised test is run for."""
    [mark] = test.pytestmark
    return list(mark.args[1])
