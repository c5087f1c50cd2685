"""Counts and ratios of `make bench`, kept: modules, round trips, keys examined, processor time.

Never wall time: a busy machine is no regression. `BENCH=write` writes down anew which modules each
function imports, after looking at what is new.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bench import cold, round_trips, warm
from bench.clinic import Clinic
from bench.ground import FUNCTIONS, Ground, ground
from bench.process import Bare, Inside
from bench.series import Found, typical
from local.progress import say

HEAVY = Path(__file__).with_name("heavy_modules.json")
MOST_TRIPS = {
    "hold": 3,
    "hold_refused": 2,
    "replay": 1,
    "verify": 4,
    "cancel": 3,
    "reschedule": 4,
    "list_hit": 1,
    "list_miss": 3,
}
"""One after another."""
INIT = {"list_slots": 1.5, "hold_slot": 1.9}
"""Times the bare imports; 1.3 and 1.6 were measured when this was written."""
HOLD, LIST_HIT = 14.0, 20.0
"""Times the processor that the bare calls take; half as much was measured when this was written."""


@pytest.fixture(scope="module")
def place() -> Iterator[Ground]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    with ground(f"bench-guard{os.environ.get('SLOTKEEPER_TEST', '')}{worker}") as made:
        yield made


@pytest.fixture(scope="module")
def trips(place: Ground) -> Found:
    return round_trips.measure(place, say, "short")


def test_functions_import_no_other_heavy_modules_than_are_written_down(place: Ground) -> None:
    found = {}
    for function in FUNCTIONS:
        with Inside(place, function) as process:
            found[function] = sorted(cold.heavy(process.started))
            of_layer = [one for one in process.started["compiled"] if "Layer/python/" in one]
            assert of_layer == [], f"{function}: the layer's bytecode is not valid"
    if os.environ.get("BENCH") == "write":
        HEAVY.write_text(json.dumps(found, indent=1) + "\n")

    assert found == json.loads(HEAVY.read_text())


def test_no_function_starts_much_slower_than_its_libraries(place: Ground) -> None:
    found = cold.inits(place, say, tuple(INIT), ("F",), rounds=5)

    floor = typical(found["cold.floor.F.cpu_ms"])
    for function, most in INIT.items():
        assert typical(found[f"cold.{function}.init_cpu_ms"]) <= most * floor


@pytest.mark.parametrize("kind", MOST_TRIPS)
def test_a_request_makes_no_more_trips_one_after_another(trips: Found, kind: str) -> None:
    assert typical(trips[f"trips.{kind}.in_sequence"]) <= MOST_TRIPS[kind]


@pytest.mark.parametrize("kind", ["hold_refused", "replay", "list_hit"])
def test_what_redis_can_answer_does_not_reach_mongodb(trips: Found, kind: str) -> None:
    assert trips[f"trips.{kind}.mongo"] == 0


def test_a_page_that_was_kept_is_not_read_again(trips: Found) -> None:
    assert trips["list_hit.parses"] == 0


def test_a_page_of_slots_reads_no_slot_and_no_keys_but_those_it_returns(place: Ground) -> None:
    with warm.processes(place) as functions:
        found = warm.examined(place, Clinic(place, functions))

    assert typical(found["list_miss.keys_beyond"]) <= 1
    assert typical(found["list_miss.documents"]) == 0


def test_requests_take_no_more_of_the_processor_beside_the_bare_calls(place: Ground) -> None:
    with warm.processes(place) as functions, Bare(place) as bare:
        clinic = Clinic(place, functions)
        found = warm.in_turn(
            {
                "warm.hold": warm.times(clinic.hold),
                "floor.hold": warm.times(partial(bare.run, "hold")),
                "warm.list_hit": warm.times(clinic.list_hit),
                "floor.get": warm.times(partial(bare.run, "get")),
            },
            6,
            say,
        )

    cpu = {name: typical(found[f"{name}.cpu_us"]) for name in ("warm.hold", "warm.list_hit")}
    assert cpu["warm.hold"] <= HOLD * typical(found["floor.hold.cpu_us"])
    assert cpu["warm.list_hit"] <= LIST_HIT * typical(found["floor.get.cpu_us"])
