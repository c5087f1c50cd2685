"""`python -m ops seed`: a clinic to try things out with, and nowhere that patients book."""

from __future__ import annotations

import pytest

from ops.demo_clinic import CLINIC
from slotkeeper.adapters.mongo.documents import AUDIT_LOGS, DOCTORS, SCHEDULES, SLOTS
from tests.support.at_the_desk import Operator
from tests.support.house import House
from tests.support.servers import Stores


@pytest.fixture
def operator(house: House, stores: Stores) -> Operator:
    return Operator.of(house, stores)


def test_doctors_schedules_and_slots_are_made_once(house: House, operator: Operator) -> None:
    done = operator("seed", "--doctors", "5", "--days", "7", "--json")
    again = operator("seed", "--doctors", "5", "--days", "7", "--json")

    assert (done.code, again.code) == (0, 0)
    assert [row["created"] for row in done.rows] == [5 * 14] * 5
    assert done.err.count(" of 5 doctors") == 5
    database = house.database
    assert database[DOCTORS].count_documents({"clinicId": CLINIC}) == 5
    assert database[SCHEDULES].count_documents({}) == 5
    assert database[SLOTS].count_documents({"status": "active"}) == 5 * 5 * 14
    entries = list(database[AUDIT_LOGS].find())
    assert sorted(entry["type"] for entry in entries) == sorted(
        ["doctor.created", "schedule.created"] * 5
    )
    assert {entry["actor"] for entry in entries} == {"operator"}
    last = next(database[SLOTS].find({"status": "active"}).sort("startTime", -1).limit(1))
    house.book(last["_id"], house.patient())
    house.relay()
    house.seal()
    assert operator("check", "--grace", "0").code == 0


def test_a_dry_run_adds_nothing(house: House, operator: Operator) -> None:
    done = operator("seed", "--dry-run", "--days", "7", "--json")

    assert done.code == 0
    assert [(row["isThere"], row["slots"]) for row in done.rows] == [(False, 70)] * 3
    assert house.database[DOCTORS].count_documents({}) == 0


@pytest.mark.parametrize("environment", ["prod", "production", "prod-eu"])
def test_where_patients_book_it_is_refused_unless_it_is_really_meant(
    house: House, stores: Stores, environment: str
) -> None:
    uri = stores.database_uri(house.database.name)
    operator = Operator(("--mongo-uri", uri, "--environment", environment))

    refused = operator("seed", "--days", "1")
    nothing = house.database[DOCTORS].count_documents({})
    meant = operator("seed", "--days", "1", "--yes-really")

    assert (refused.code, refused.err.count("\n"), nothing) == (2, 1, 0)
    assert meant.code == 0
    assert house.database[DOCTORS].count_documents({}) == 3


@pytest.mark.parametrize(
    "words", [("--doctors", "0"), ("--doctors", "81"), ("--days", "0"), ("--days", "91")]
)
def test_too_many_or_none_is_refused(operator: Operator, words: tuple[str, ...]) -> None:
    done = operator("seed", *words)

    assert (done.code, done.err.count("\n")) == (2, 1)


def test_an_environment_that_is_not_named_is_refused(house: House, stores: Stores) -> None:
    done = Operator(("--mongo-uri", stores.database_uri(house.database.name)))("seed")

    assert done.code == 2
    assert "name the --environment" in done.err


def test_where_other_doctors_have_bookings_it_is_refused_unless_it_is_really_meant(
    house: House, operator: Operator
) -> None:
    house.book(house.slot(), house.patient())

    refused = operator("seed", "--days", "1")
    meant = operator("seed", "--days", "1", "--yes-really")

    assert (refused.code, refused.out, meant.code) == (2, "", 0)
    assert "patients book here" in refused.err
