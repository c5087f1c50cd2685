"""Every query on the request path is an index scan that reads what it returns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slotkeeper.adapters.mongo import slots as slots_module
from slotkeeper.adapters.mongo.indexes import INDEXES, create_indexes
from slotkeeper.ports import Position, SlotFilter
from tests.support.house import House

SLOTS_PER_DOCTOR = 400


@pytest.fixture
def doctors(house: House) -> list[str]:
    """Five doctors' slots, a part of them held or booked."""
    start = (datetime.now(UTC) + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    names = [f"dr-{number}" for number in range(5)]
    house.database["slots"].insert_many(
        {
            "_id": f"{name}_{number}",
            "doctorId": name,
            "date": (start + number * timedelta(minutes=30)).date().isoformat(),
            "startTime": start + number * timedelta(minutes=30),
            "endTime": start + (number + 1) * timedelta(minutes=30),
            "status": ("active", "active", "booked", "reserved")[number % 4],
            "version": 1,
            **({"hold": _hold(number, start)} if number % 4 == 3 else {}),
        }
        for name in names
        for number in range(SLOTS_PER_DOCTOR)
    )
    return names


def _hold(number: int, now: datetime) -> dict[str, Any]:
    over = number % 40 == 39
    ends = now - timedelta(days=9) if over else now + timedelta(days=9)
    return {"attemptId": f"at-{number}", "userId": "u", "expiresAt": ends}


def _plan(house: House, collection: str, query: dict[str, Any], **more: Any) -> dict[str, Any]:
    command = {"find": collection, "filter": query, **more}
    explained: dict[str, Any] = house.database.command(
        "explain", command, verbosity="executionStats"
    )
    return explained


def _stages(plan: dict[str, Any]) -> set[str]:
    found = {plan["stage"]} if "stage" in plan else set()
    for key in ("inputStage", "queryPlan", "winningPlan", "queryPlanner"):
        if key in plan:
            found |= _stages(plan[key])
    for child in plan.get("inputStages", []):
        found |= _stages(child)
    return found


def test_a_page_of_free_slots_reads_little_more_than_it_returns(
    house: House, doctors: list[str]
) -> None:
    now = datetime.now(UTC)
    query = slots_module._free(SlotFilter(doctor_id=doctors[0]), now, None)

    plan = _plan(house, "slots", query, sort={"startTime": 1, "_id": 1}, limit=21)

    stats = plan["executionStats"]
    assert "COLLSCAN" not in _stages(plan)
    assert "SORT" not in _stages(plan)
    assert stats["nReturned"] == 21
    assert stats["totalDocsExamined"] <= 2 * 21


def test_a_cursor_reads_on_from_where_it_is(house: House, doctors: list[str]) -> None:
    now = datetime.now(UTC)
    first = house.slots.free_slots(
        SlotFilter(doctor_id=doctors[0]), now=now, after=None, skip=0, limit=150
    )
    after = Position(key=first[-1].start_time, id=first[-1].id)
    query = slots_module._free(SlotFilter(doctor_id=doctors[0]), now, after)

    plan = _plan(house, "slots", query, sort={"startTime": 1, "_id": 1}, limit=21)

    assert "COLLSCAN" not in _stages(plan)
    assert plan["executionStats"]["totalDocsExamined"] <= 2 * 21


def test_a_day_of_free_slots_is_read_by_its_index(house: House, doctors: list[str]) -> None:
    now = datetime.now(UTC)
    date = house.slots.free_slots(
        SlotFilter(doctor_id=doctors[0]), now=now, after=None, skip=60, limit=1
    )[0].date
    query = slots_module._free(SlotFilter(doctor_id=doctors[0], date=date), now, None)

    plan = _plan(house, "slots", query, sort={"startTime": 1, "_id": 1}, limit=100)

    stats = plan["executionStats"]
    assert "COLLSCAN" not in _stages(plan)
    assert stats["totalDocsExamined"] <= 48


@pytest.mark.parametrize(
    ("collection", "query"),
    [
        ("slots", {"status": "reserved", "$expr": {"$lte": ["$hold.expiresAt", "$$NOW"]}}),
        (
            "slots",
            {
                "$or": [
                    {"status": "reserved", "hold.attemptId": "at-3"},
                    {"pendingEvents": {"$exists": True}, "pendingEvents.attemptId": "at-3"},
                ]
            },
        ),
        ("slots", slots_module.UNRECORDED),
        ("outbox", {"unsent": True}),
    ],
)
def test_sweep_relay_and_lookups_scan_an_index(
    house: House, doctors: list[str], collection: str, query: dict[str, Any]
) -> None:
    sort = {"at": 1, "_id": 1} if collection == "outbox" else {}
    plan = _plan(house, collection, query, sort=sort)

    assert "COLLSCAN" not in _stages(plan)
    assert plan["executionStats"]["totalDocsExamined"] <= SLOTS_PER_DOCTOR * len(doctors) / 4


def test_indexes_can_be_created_again(house: House) -> None:
    create_indexes(house.database)

    for collection, indexes in INDEXES.items():
        there = set(house.database[collection].index_information())
        assert {index.document["name"] for index in indexes} <= there


def test_no_second_confirmed_booking_of_a_slot_can_be_stored(house: House) -> None:
    booking = {"doctorId": "d", "slotId": "s", "status": "confirmed"}
    house.database["bookings"].insert_one({**booking, "_id": "b1", "attemptId": "a1"})

    with pytest.raises(Exception, match="one_confirmed_per_slot"):
        house.database["bookings"].insert_one({**booking, "_id": "b2", "attemptId": "a2"})
    house.database["bookings"].update_one({"_id": "b1"}, {"$set": {"status": "cancelled"}})
    house.database["bookings"].insert_one({**booking, "_id": "b2", "attemptId": "a2"})
