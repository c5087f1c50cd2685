"""`python -m ops locks`: who has which slot, and what MongoDB says to it; and let one go."""

from __future__ import annotations

from datetime import timedelta

import pytest

from slotkeeper.adapters.mongo.documents import SLOTS
from slotkeeper.domain.errors import HoldExpired
from tests.support.at_the_desk import Operator
from tests.support.house import House
from tests.support.servers import Stores


@pytest.fixture
def operator(house: House, stores: Stores) -> Operator:
    return Operator.of(house, stores)


def lock(house: House, slot: str, attempt: str = "at_other", ms: int | None = 60_000) -> None:
    house.redis.set(house.keys.lock(slot), attempt, px=ms)


def test_each_lock_is_told_with_its_attempt_its_time_and_what_mongodb_says(
    house: House, operator: Operator
) -> None:
    doctor, alice = house.doctor(), house.patient()
    slots = [house.slot(doctor, starts_in=timedelta(days=day)) for day in range(2, 8)]
    attempt = house.hold(slots[0], alice)
    house.hold(slots[1], alice)
    lock(house, slots[1])
    lock(house, slots[2], ms=15_000)
    lock(house, slots[3])
    lock(house, slots[4], ms=None)
    house.book(slots[5], house.patient())
    lock(house, slots[5])
    lock(house, "dr-nobody_20261201T0900Z")

    done = operator("locks", "list", "--json")

    assert done.code == 0
    told = {row["slotId"]: row for row in done.rows}
    assert {slot: row["state"] for slot, row in told.items()} == {
        slots[0]: "held",
        slots[1]: "other",
        slots[2]: "beginning",
        slots[3]: "stale",
        slots[4]: "stale",
        slots[5]: "other",
        "dr-nobody_20261201T0900Z": "no slot",
    }
    assert told[slots[0]]["attemptId"] == attempt
    assert 290 < told[slots[0]]["secondsLeft"] <= 300
    assert told[slots[4]]["secondsLeft"] is None
    assert [slot for slot, row in told.items() if row["agrees"]] == [slots[0]]
    assert "7 locks" in done.err
    assert "longest 300 s" in done.err
    assert "1 never lapse" in done.err
    assert "2 slots are held in MongoDB" in done.err


def test_one_doctor_s_locks_can_be_asked_for_and_not_more_than_so_many(
    house: House, operator: Operator
) -> None:
    first, other = house.doctor(), house.doctor()
    for doctor in (first, other):
        for day in (2, 3):
            lock(house, house.slot(doctor, starts_in=timedelta(days=day)))

    one = operator("locks", "list", "--doctor", first, "--json")
    few = operator("locks", "list", "--limit", "3")

    assert {row["slotId"].rpartition("_")[0] for row in one.rows} == {first}
    assert len(one.rows) == 2
    assert len(few.out.splitlines()) == 3
    assert "there are more" in few.err


def test_other_environments_locks_and_other_keys_are_none_of_these(
    house: House, operator: Operator
) -> None:
    house.redis.set(f"{house.keys.environment}x:lock:slot:s_1", "at_1", px=1000)
    house.redis.hset(house.keys.lock("garbled_1"), "a", "b")

    done = operator("locks", "list")

    assert (done.code, done.out) == (0, "")
    house.redis.delete(f"{house.keys.environment}x:lock:slot:s_1")


def test_a_dry_run_tells_what_would_be_released_and_changes_nothing(
    house: House, operator: Operator
) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    before = house.document(slot)

    done = operator("locks", "release", slot, "--dry-run", "--json")

    assert done.code == 0
    [row] = done.rows
    assert (row["lock"], row["hold"], row["released"]) == (attempt, attempt, False)
    assert house.document(slot) == before
    assert house.redis.get(house.keys.lock(slot)) == attempt
    assert house.audit(type="lock.released") == []


def test_a_released_hold_frees_the_slot_and_is_in_the_audit_log_as_the_operator_s(
    house: House, operator: Operator
) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)

    done = operator("locks", "release", slot, "--reason", "asked")

    assert (done.code, done.err) == (0, "")
    assert house.document(slot)["status"] == "active"
    assert house.redis.get(house.keys.lock(slot)) is None
    [freed] = house.audit(type="hold.released")
    assert (freed["actor"], freed["userId"], freed["attemptId"]) == ("operator", alice, attempt)
    [noted] = house.audit(type="lock.released")
    assert noted["actor"] == "operator"
    assert noted["details"] == {"slotId": slot, "attemptId": attempt, "why": "asked"}
    with pytest.raises(HoldExpired):
        house.verify(attempt, alice, "000000")
    assert house.hold(slot, house.patient())
    house.relay()
    house.seal()
    checked = operator("check", "--grace", "0")
    assert checked.code == 0, checked.out


def test_a_lock_of_nobody_s_is_given_back_and_a_hold_without_a_lock_is_ended(
    house: House, operator: Operator
) -> None:
    doctor = house.doctor()
    free, held, booked = (house.slot(doctor, starts_in=timedelta(days=day)) for day in (2, 3, 4))
    lock(house, free)
    house.hold(held, house.patient())
    house.redis.delete(house.keys.lock(held))
    house.book(booked, house.patient())
    lock(house, booked)

    done = [operator("locks", "release", slot) for slot in (free, held, booked)]

    assert [one.code for one in done] == [0, 0, 0]
    assert not house.redis.exists(house.keys.lock(free))
    assert house.document(held)["status"] == "active"
    assert house.document(booked)["status"] == "booked"
    assert len(house.audit(type="lock.released")) == 3


def test_where_nothing_is_held_there_is_nothing_to_release(
    house: House, operator: Operator
) -> None:
    slot = house.slot()

    done = [operator("locks", "release", one) for one in (slot, "dr-nobody_1")]

    assert [one.code for one in done] == [1, 1]
    assert house.audit(type="lock.released") == []
    assert house.database[SLOTS].count_documents({"status": "active"}) == 1


def test_what_cannot_be_meant_is_refused(operator: Operator) -> None:
    done = operator("locks", "list", "--limit", "0")

    assert (done.code, done.err) == (2, "error: --limit is at least 1\n")
    for words in (("release",), ("release", "s_1", "--reason", "I felt like it")):
        with pytest.raises(SystemExit):
            operator("locks", *words)


def test_without_redis_there_are_no_locks_to_tell_of(house: House, stores: Stores) -> None:
    done = Operator(("--mongo-uri", stores.database_uri(house.database.name)))("locks", "list")

    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "name Redis too" in done.err
