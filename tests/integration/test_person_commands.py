"""`python -m ops export` and `erase`, as an operator runs them."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from slotkeeper.adapters.mongo.documents import USERS
from tests.integration.test_personal_data import EMAIL, PHONE, REASON, everything, full_life
from tests.support.house import House
from tests.support.ops_command import run, stores_of
from tests.support.servers import Stores


@pytest.fixture
def where(house: House, stores: Stores) -> tuple[str, ...]:
    """The arguments that name the house's stores."""
    return stores_of(house, stores)


@pytest.fixture
def alice(house: House) -> str:
    user_id = house.patient(phone=PHONE, email=EMAIL)
    full_life(house, user_id)
    return user_id


def test_an_export_is_a_json_object_a_page(
    house: House, alice: str, where: tuple[str, ...]
) -> None:
    done = run("export", "--user", alice, *where)

    assert (done.returncode, done.stderr) == (0, "")
    [page] = [json.loads(line) for line in done.stdout.splitlines()]
    assert page["current"]["profile"]["phone"] == PHONE
    assert page["bookings"][0]["reason"] == REASON
    [noted] = house.audit(type="user.exported")
    assert (noted["actor"], noted["aggregateId"]) == ("operator", alice)


def test_a_dry_run_tells_what_would_go_and_changes_nothing(
    house: House, alice: str, where: tuple[str, ...]
) -> None:
    before = everything(house)

    done = run("erase", "--user", alice, "--dry-run", *where)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "user": alice,
        "appointmentsAhead": [],
        "would": {"profiles": 1, "reasons": 1, "messages": 3, "holds": 1, "answers": 2},
    }
    assert everything(house) == before


def test_an_erasure_takes_away_what_the_dry_run_said(
    house: House, alice: str, where: tuple[str, ...]
) -> None:
    done = run("erase", "--user", alice, *where)
    again = run("erase", "--user", alice, *where)

    assert (done.returncode, done.stderr) == (0, "")
    erased = json.loads(done.stdout)["erased"]
    assert (erased["profile"], erased["reasons"], erased["messages"], erased["holds"]) == (
        True,
        1,
        3,
        1,
    )
    assert again.returncode == 0
    assert json.loads(again.stdout)["erased"]["profile"] is False
    assert not [word for word in (PHONE, EMAIL, REASON) if word in everything(house)]
    assert {row["actor"] for row in house.audit(type="user.erased")} == {"operator"}


def test_appointments_to_come_are_told_and_cancelled_only_if_asked(
    house: House, alice: str, where: tuple[str, ...]
) -> None:
    booking = house.book(house.slot(starts_in=timedelta(days=9)), alice)

    refused = run("erase", "--user", alice, *where)
    there = house.database[USERS].find_one({"_id": alice})
    forced = run("erase", "--user", alice, "--cancel", *where)

    assert refused.returncode == 1
    assert json.loads(refused.stdout)["appointmentsAhead"] == [booking.id]
    assert there is not None
    assert (forced.returncode, forced.stderr) == (0, "")
    assert json.loads(forced.stdout)["cancelled"] == [booking.id]
    assert house.bookings(_id=booking.id)[0]["status"] == "cancelled"
    house.relay()
    checked = run("check", "--grace", "0", *where)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("command", ["export", "erase"])
def test_a_command_that_cannot_work_says_so_in_one_line(command: str) -> None:
    without = run(command, "--user", "alice", "--mongo-uri", "mongodb://127.0.0.1:9/x")
    nobody = run(command, "--mongo-uri", "mongodb://127.0.0.1:9/x")

    assert (without.returncode, without.stderr.count("\n")) == (2, 1)
    assert "name Redis too" in without.stderr
    assert nobody.returncode == 2
