"""`python -m ops slow`: what is slow and why, by the server's own notes, and nobody's values."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from ops.queries import seen
from slotkeeper.adapters.mongo.documents import BOOKINGS, USERS
from tests.support.at_the_desk import Operator
from tests.support.house import House
from tests.support.servers import Stores

pytestmark = pytest.mark.one_server("each member keeps its own profile")
SECRET = "+15550987"


@pytest.fixture
def operator(house: House, stores: Stores) -> Any:
    made = Operator.of(house, stores)
    yield made
    made("slow", "--off")


@pytest.fixture
def own(stores: Stores, mongo: MongoClient[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """A database that no later test has: the server's log remembers what was slow in it."""
    name = f"t{uuid.uuid4().hex[:12]}"
    yield mongo[name]
    mongo.drop_database(name)


def patients(database: Database[dict[str, Any]], count: int = 2_000) -> None:
    database[BOOKINGS].insert_many(
        [
            {"_id": f"b{n}", "userId": f"u{n % 20}", "doctorId": "d", "slotId": n, "attemptId": n}
            | {"reason": SECRET, "status": "cancelled", "startTime": n}
            for n in range(count)
        ]
    )


def test_the_profile_is_off_until_it_is_switched_on_and_gone_when_it_is_off(
    house: House, operator: Operator
) -> None:
    def level() -> int:
        return int(house.database.command("profile", -1)["was"])

    before = level()
    would = operator("slow", "--on", "--ms", "0", "--dry-run")
    still = level()
    on = operator("slow", "--on", "--ms", "0", "--json")
    during = level()
    house.patient()
    kept = "system.profile" in house.database.list_collection_names()
    off = operator("slow", "--off")

    assert (before, still, during, level()) == (0, 0, 1, 0)
    assert [one.code for one in (would, on, off)] == [0, 0, 0]
    assert on.rows == [{"profile": 1, "slowMs": 0, "isDryRun": False}]
    assert kept
    assert "system.profile" not in house.database.list_collection_names()


def test_a_statement_without_an_index_is_told_without_its_values(
    house: House, operator: Operator
) -> None:
    patients(house.database)
    operator("slow", "--on", "--ms", "0")
    bookings = house.database[BOOKINGS]
    for n in range(3):
        list(bookings.find({"reason": SECRET, "at": n}))
    bookings.update_many({"reason": f"{SECRET}0"}, {"$set": {"reason": SECRET}})
    bookings.delete_many({"reason": f"{SECRET}0"})
    list(bookings.find({"userId": "u1"}).sort("reason", 1))
    list(bookings.find({"userId": "u1", "reason": f"{SECRET}1"}))
    list(bookings.find({"userId": "u2"}).sort("startTime", 1))

    done = operator("slow", "--ms", "0", "--json")

    assert done.code == 1
    assert SECRET not in done.out + done.err
    told = {row["shape"]: row for row in done.rows}
    scan = told['find bookings filter={"reason": "?", "at": "?"}']
    assert (scan["count"], scan["docsExamined"], scan["returned"]) == (3, 6_000, 0)
    assert (scan["plan"], scan["from"]) == ("COLLSCAN", ["profile"])
    assert scan["lacks"].startswith("reads the whole collection")
    assert told['update bookings q={"reason": "?"} sets=reason']["plan"] == "COLLSCAN"
    assert told['delete bookings q={"reason": "?"}']["plan"] == "COLLSCAN"
    sort = told['find bookings filter={"userId": "?"} sort={"reason": 1}']
    assert sort["lacks"].startswith("sorts")
    assert told['find bookings filter={"userId": "?"} sort={"startTime": 1}']["lacks"] is None


def test_an_index_that_is_not_narrow_enough_is_told(house: House, operator: Operator) -> None:
    patients(house.database)
    operator("slow", "--on", "--ms", "0")
    list(house.database[BOOKINGS].find({"status": "cancelled", "reason": f"{SECRET}1"}))

    done = operator("slow", "--ms", "0")

    assert done.code == 1
    assert "reads much more than it returns" in done.out
    assert "docs 2,000" in done.out


def test_where_every_statement_has_its_index_nothing_is_wrong(
    house: House, operator: Operator
) -> None:
    operator("slow", "--on", "--ms", "0")
    house.book(house.slot(), house.patient())
    house.relay()

    done = operator("slow", "--ms", "0", "--top", "3")

    assert done.code == 0, done.out
    assert len(done.out.splitlines()) == 6
    assert "0 for want of an index" in done.err


def test_without_a_profile_the_server_s_log_is_read(
    own: Database[dict[str, Any]], stores: Stores
) -> None:
    patients(own, 100)
    list(own[BOOKINGS].find({"reason": SECRET, "$where": "sleep(3) || true"}))

    done = Operator(("--mongo-uri", stores.database_uri(own.name)))("slow", "--json")

    assert done.code == 1
    assert "the profile is off" in done.err
    [row] = [row for row in done.rows if "$where" in row["shape"]]
    assert row["from"] == ["log"]
    assert row["maxMs"] >= 100
    assert SECRET not in done.out


def test_what_runs_now_is_seen(own: Database[dict[str, Any]], stores: Stores) -> None:
    patients(own, 100)

    def ask() -> None:
        with MongoClient[dict[str, Any]](stores.mongo_uri, appname="asks") as client:
            slowly = {"reason": SECRET, "$where": "sleep(10) || true"}
            list(client[own.name][BOOKINGS].find(slowly))

    asking = Thread(target=ask)
    asking.start()
    found: list[seen.Seen] = []
    while not found and asking.is_alive():
        found = [one for one in seen.running(own) if "filter" in one.statement]
    asking.join()

    assert found
    assert found[0].statement["find"] == BOOKINGS


def test_who_may_not_look_is_told_what_is_left_out(
    house: House, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> Any:
        raise OperationFailure("not authorized", code=13)

    for name in ("profile_level", "logged", "running"):
        monkeypatch.setattr(seen, name, refused)

    done = operator("slow")

    assert (done.code, done.out) == (0, "")
    assert "the server's log is left out" in done.err
    assert "what runs now is left out" in done.err
    assert house.database[USERS] is not None


def test_a_switch_that_makes_no_sense_is_refused(operator: Operator) -> None:
    done = operator("slow", "--ms", "-1")

    assert (done.code, done.err.count("\n")) == (2, 1)
    with pytest.raises(SystemExit):
        operator("slow", "--on", "--off")
