"""`python -m ops indexes`: what is missing is made, what is wrong is told."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from ops.queries.critical import critical
from ops.queries.shape import is_by_id, shape_of
from slotkeeper.adapters.mongo.booking_lists import MongoBookingLists
from slotkeeper.adapters.mongo.indexes import INDEXES
from slotkeeper.domain.user import Caller, Role
from slotkeeper.ports.bookings import BookingFilter
from tests.support.at_the_desk import Operator
from tests.support.explained import explained
from tests.support.house import House
from tests.support.reading import Reader
from tests.support.servers import Stores

pytestmark = [
    pytest.mark.one_server("how MongoDB finds is the same in a set of one and of three"),
    pytest.mark.usefixtures("never_used"),
]
COUNT = sum(map(len, INDEXES.values()))


@pytest.fixture
def operator(house: House, stores: Stores) -> Operator:
    return Operator.of(house, stores)


@pytest.fixture
def on_nothing(
    stores: Stores,
    mongo: MongoClient[dict[str, Any]],
) -> Any:
    name = f"t{uuid.uuid4().hex[:12]}"
    yield mongo[name], Operator(("--mongo-uri", stores.database_uri(name)))
    mongo.drop_database(name)


def test_where_all_is_well_nothing_is_told(operator: Operator) -> None:
    done = operator("indexes", "validate")

    assert (done.code, done.out) == (0, "")
    assert f"{COUNT} indexes compared" in done.err


def test_all_are_made_where_there_are_none_and_making_them_again_does_nothing(
    on_nothing: tuple[Any, Operator],
) -> None:
    database, operator = on_nothing

    before = operator("indexes", "validate", "--json")
    would = operator("indexes", "create", "--dry-run", "--json")
    untouched = database.list_collection_names()
    made = operator("indexes", "create", "--json")
    again = operator("indexes", "create", "--json")
    after = operator("indexes", "validate", "--json")

    assert before.code == 1
    assert [row["what"] for row in before.rows].count("missing") == COUNT
    assert "not used" in {row["what"] for row in before.rows}
    assert (would.code, len(would.rows), untouched) == (0, COUNT, [])
    assert (made.code, len(made.rows)) == (0, COUNT)
    assert made.err.count("\n") >= len(INDEXES), "progress"
    assert (again.code, again.out) == (0, "")
    assert (after.code, after.out) == (0, "")


def test_a_missing_index_is_told_with_the_statements_that_want_it(
    house: House, operator: Operator
) -> None:
    house.database["slots"].drop_index("holds_by_end")

    done = operator("indexes", "validate", "--json")

    assert done.code == 1
    assert {(row["what"], row["collection"]) for row in done.rows} == {
        ("missing", "slots"),
        ("not used", "slots"),
    }
    [unused] = [row for row in done.rows if row["what"] == "not used"]
    assert unused["told"].startswith("sweep of holds: find slots")
    assert "COLLSCAN" in unused["name"] or "SORT" in unused["name"]


def test_an_index_that_a_statement_names_and_is_not_there_is_told(
    house: House, operator: Operator
) -> None:
    house.database["slots"].drop_index("listed_slots")

    done = operator("indexes", "validate")

    assert done.code == 1
    assert "missing: slots.listed_slots" in done.out
    assert "free slots: its index is not there" in done.out


@pytest.mark.parametrize(
    "options",
    [
        {"keys": [("bookingId", 1)]},
        {"keys": [("bookingId", 1), ("at", 1)], "unique": True},
        {"keys": [("bookingId", 1), ("at", 1)], "sparse": True},
        {"keys": [("bookingId", 1), ("at", 1)], "hidden": True},
    ],
    ids=["other keys", "unique", "sparse", "hidden"],
)
def test_an_index_of_the_name_that_is_another_is_told_and_left(
    house: House, operator: Operator, options: dict[str, Any]
) -> None:
    house.database["audit_logs"].drop_index("by_booking")
    house.database["audit_logs"].create_index(name="by_booking", **options)

    told = operator("indexes", "validate", "--json")
    made = operator("indexes", "create", "--json")

    for done in (told, made):
        assert done.code == 1
        [row] = [row for row in done.rows if row.get("what") == "differs"]
        assert (row["collection"], row["name"]) == ("audit_logs", "by_booking")
    there = house.database["audit_logs"].index_information()["by_booking"]
    assert there["key"] == options["keys"]


def test_an_index_that_nobody_defined_is_told(house: House, operator: Operator) -> None:
    house.database["users"].create_index("email", name="whose")
    house.database["bookings"].create_index("reason", name="by_reason")

    done = operator("indexes", "validate", "--json")

    assert done.code == 1
    assert [(row["what"], row["name"]) for row in done.rows] == [("unknown", "by_reason")]


def test_a_database_that_does_not_answer_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri = "mongodb://127.0.0.1:9/x"
    monkeypatch.setattr("ops.stores.ELECTION_MS", 50)

    done = Operator(("--mongo-uri", uri))("indexes", "validate")

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


# --- the statements are those that the use cases send ---------------------------------------------


def test_every_statement_that_requests_and_sweeps_send_is_among_those_that_are_explained(
    house: House, mongo: MongoClient[dict[str, Any]]
) -> None:
    known = {shape_of(one.statement) for one in critical()}
    with explained(mongo) as found:
        for act in _a_day_of(house):
            act()

    sent = {
        shape_of(plan.statement)
        for plan in found.plans
        if not is_by_id(plan.statement) and next(iter(plan.statement.values())) != "quotas"
    }

    assert sent - known == set()
    assert len(sent) >= 10


def _a_day_of(house: House) -> list[Callable[[], object]]:
    doctor, alice = house.doctor(), house.patient()
    caller = Caller(user_id=alice, role=Role.PATIENT)
    reader = Reader(house, kept=timedelta(0))
    lists = MongoBookingLists(house.database)
    slots = [house.slot(doctor, starts_in=timedelta(days=day)) for day in (2, 3, 4, 5)]
    now = datetime.now(UTC)

    def book_and_end() -> None:
        booking = house.book(slots[0], alice)
        house.cancel(booking.id, caller)
        house.release(house.hold(slots[1], alice), alice)
        house.hold(slots[2], alice)

    return [
        lambda: reader.read(doctor),
        lambda: reader.read(doctor, date=now.date().isoformat()),
        book_and_end,
        lambda: lists.page(BookingFilter(user_id=alice), after=None, skip=0, limit=5),
        lambda: lists.count(BookingFilter(user_id=alice)),
        house.sweep,
        house.relay,
        house.seal,
    ]
