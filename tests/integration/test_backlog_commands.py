"""`python -m ops outbox`, `drain`, `slow` and `seed`, as an operator runs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ops import demo_clinic
from ops.drain import Left, drained
from ops.slow import shape_of, statements
from slotkeeper.adapters.mongo.documents import DOCTORS, OUTBOX, SLOTS
from tests.support.at_the_desk import Operator
from tests.support.house import House
from tests.support.servers import Stores


@pytest.fixture
def operator(house: House, stores: Stores) -> Operator:
    return Operator.of(house, stores)


# --- outbox ---------------------------------------------------------------------------------------


def test_an_empty_outbox_is_told(operator: Operator) -> None:
    done = operator("outbox", "status")

    assert (done.code, done.lines[0]) == (0, "0 unsent, 0 of them with a relay at this moment")


def test_what_waits_is_told_by_its_age_oldest_first(house: House, operator: Operator) -> None:
    first, second = (house.book(house.slot(), house.patient()) for _ in range(2))
    late = {"$set": {"at": {"$subtract": ["$$NOW", 600_000]}}}
    house.database[OUTBOX].update_many({"aggregateId": second.id}, [late])

    done = operator("outbox", "--json")

    found = json.loads(done.out)
    assert done.code == 1
    assert found["oldest_seconds"] == pytest.approx(600, abs=30)
    assert found["aggregates"][0][0] == second.id
    assert {one[0] for one in found["aggregates"]} >= {first.id, second.id}
    assert operator("outbox", "--late", "3600").code == 0


def test_what_is_set_aside_is_no_success(house: House, operator: Operator) -> None:
    house.database[OUTBOX].insert_one({"_id": "x", "setAside": {"why": "v"}})

    assert operator("outbox").code == 1


def test_what_a_relay_has_leased_is_told(house: House, operator: Operator) -> None:
    house.book(house.slot(), house.patient())
    [*_] = house.outbox.claim(limit=10)

    found = json.loads(operator("outbox", "--json").out)

    assert found["leased"] == found["unsent"] > 0


# --- drain ----------------------------------------------------------------------------------------


class Backlog:
    """An outbox whose relay moves on when it is called; time passes as it is waited."""

    def __init__(self, outbox: int, queue: int, *, is_stuck: bool = False):
        self.left, self.is_stuck = [outbox, queue], is_stuck
        self.time, self.woken = 0.0, 0

    def look(self) -> Left:
        return Left(*self.left)

    def wake(self) -> None:
        self.woken += 1
        if not self.is_stuck:
            self.left = [0, self.left[0] + self.left[1]]

    def wait(self, seconds: float) -> None:
        self.time += seconds
        self.left[1] = 0 if not self.is_stuck else self.left[1]

    def drain(self, seconds: float) -> Left:
        return drained(self.look, self.wake, seconds=seconds, now=lambda: self.time, wait=self.wait)


def test_a_backlog_is_moved_on_until_nothing_is_left() -> None:
    backlog = Backlog(500, 3)

    assert backlog.drain(60).is_none
    assert backlog.woken == 1


def test_an_empty_one_calls_nobody() -> None:
    backlog = Backlog(0, 0)

    assert backlog.drain(60).is_none
    assert (backlog.woken, backlog.time) == (0, 0)


def test_one_that_does_not_move_is_given_up_in_time_and_not_called_without_end() -> None:
    backlog = Backlog(500, 0, is_stuck=True)

    assert backlog.drain(60) == Left(500, 0)
    assert 60 <= backlog.time < 70
    assert backlog.woken == 12


# --- slow -----------------------------------------------------------------------------------------


@pytest.fixture
def noting(house: House, operator: Operator) -> Iterator[House]:
    """A house all of whose statements are noted as slow."""
    assert operator("slow", "on", "--ms", "0").code == 0
    yield house
    operator("slow", "off")
    house.database.drop_collection("system.profile")


def test_a_statement_without_an_index_is_found_and_one_with_is_not_blamed(
    noting: House, operator: Operator
) -> None:
    noting.hold(noting.slot(), noting.patient())
    fine = operator("slow", "--json")
    list(noting.database[SLOTS].find({"nobody": "has this"}))

    done = operator("slow", "--json", "--limit", "100")

    assert fine.code == 0
    assert len(fine.lines) > 2
    [blamed] = [one for one in map(json.loads, done.lines) if one["lacksIndex"]]
    assert (done.code, blamed["collection"]) == (1, SLOTS)
    assert "COLLSCAN" in blamed["plan"]


def test_no_value_is_shown_and_what_is_alike_is_one(noting: House, operator: Operator) -> None:
    for number in range(5):
        noting.database[DOCTORS].find_one({"name": f"secret-{number}", "_id": {"$gt": "secret"}})

    done = operator("slow", "--json", "--limit", "100")

    assert "secret" not in done.out
    [found] = [one for one in map(json.loads, done.lines) if '"name"' in one["shape"]]
    assert (found["count"], found["collection"]) == (5, DOCTORS)


def test_without_a_profiler_what_runs_is_told(operator: Operator) -> None:
    done = operator("slow")

    assert (done.code, done.lines) == (0, ["nothing slow runs now; `slow on` notes it"])


def test_a_dry_run_changes_no_profiler(house: House, operator: Operator) -> None:
    done = operator("slow", "on", "--dry-run")

    assert done.lines[0].startswith("profiler off")
    assert house.database.command("profile", -1)["was"] == 0


@pytest.mark.parametrize(
    ("stated", "shape"),
    [
        ({"find": "slots", "filter": {"_id": "x"}}, {"find": "slots", "filter": {"_id": "?"}}),
        ({"sort": {"at": 1}}, {"sort": {"at": 1}}),
        ({"sort": {"at": {"$meta": "x"}}}, {"sort": {"at": {"$meta": "?"}}}),
        ({"filter": {"$or": [{"a": 1}, {"b": 2}]}}, {"filter": {"$or": [{"a": "?"}, {"b": "?"}]}}),
        ({"filter": {"a": {"$in": [1, 2, 3]}}}, {"filter": {"a": {"$in": ["?"]}}}),
        ({"lsid": {"id": 1}, "$db": "x"}, {}),
        ({"comment": "of somebody"}, {"comment": "?"}),
    ],
)
def test_a_shape_has_names_and_directions_and_no_values(
    stated: dict[str, Any], shape: dict[str, Any]
) -> None:
    assert shape_of(stated) == shape


def test_what_is_no_statement_of_ours_does_not_stop_it(noting: House) -> None:
    noting.database.command("collStats", SLOTS)
    noting.database.command("ping")

    assert statements(noting.database) is not None


# --- seed -----------------------------------------------------------------------------------------


def test_a_seed_can_be_tried_and_adds_once(house: House, operator: Operator) -> None:
    dry = operator("seed", "--days", "3", "--dry-run", "--json")
    assert house.database[SLOTS].count_documents({}) == 0
    first = operator("seed", "--days", "3", "--json")
    second = operator("seed", "--days", "3", "--json")

    would, added, more = (json.loads(done.out)["slots"] for done in (dry, first, second))
    assert would == added == house.database[SLOTS].count_documents({}) > 0
    assert more == 0
    assert house.database[DOCTORS].count_documents({}) == len(demo_clinic.DOCTORS_OF_CLINIC)


def test_a_system_in_use_is_not_seeded_by_mistake(house: House, operator: Operator) -> None:
    house.book(house.slot(), house.patient())

    refused = operator("seed", "--days", "1")

    assert (refused.code, house.database[DOCTORS].count_documents({"_id": "dr-june-park"})) == (
        1,
        0,
    )
    assert operator("seed", "--days", "1", "--yes-really").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("seed", "--days", "0"),
        ("seed", "--days", "1000"),
        ("slow", "--limit", "0"),
        ("outbox", "--most", "0"),
        ("slow", "on", "--ms", "-1"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_in_a_line(
    operator: Callable[..., Any], arguments: tuple[str, ...]
) -> None:
    done = operator(*arguments)

    assert done.code == 2
    assert done.err.startswith("error: ")
