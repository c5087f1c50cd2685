"""Indexes are made once and for all; what they are for is in `test_explain`."""

from __future__ import annotations

import pytest

from slotkeeper.adapters.mongo.indexes import INDEXES, create_indexes
from tests.support.house import House

pytestmark = pytest.mark.one_server("how MongoDB finds is the same in a set of one and of three")


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


@pytest.mark.parametrize(
    ("collection", "keys"),
    [
        ("bookings", [("userId", 1), ("date", -1)]),
        ("bookings", [("doctorId", 1), ("startTime", 1), ("status", 1)]),
        ("bookings", [("status", 1)]),
        ("slots", [("doctorId", 1), ("date", 1), ("startTime", 1), ("status", 1)]),
    ],
)
def test_the_contract_s_indexes_are_there(
    house: House, collection: str, keys: list[tuple[str, int]]
) -> None:
    there = house.database[collection].index_information().values()

    assert keys in [index["key"] for index in there]
