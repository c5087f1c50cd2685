"""How many round trips to Redis and MongoDB each request makes: counted, never timed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from bench.trips import counted
from slotkeeper.domain.errors import OtpInvalid, SlotHeld
from slotkeeper.domain.user import Caller, Role
from tests.support.house import House
from tests.support.servers import Stores

pytestmark = pytest.mark.one_server("what goes to several nodes at once is several trips")


@pytest.fixture
def counted_house(stores: Stores, house: House) -> Iterator[House]:
    """The same house, on connections that are open and counted."""
    uri = stores.database_uri(house.database.name)
    with stores.connect_redis() as redis:
        made = House.on(uri, redis, environment=house.keys.environment)
        made.verify(made.hold(made.slot(), patient := made.patient()), patient)
        yield made
        made.database.client.close()


def test_a_hold_makes_at_most_three_trips_in_sequence(counted_house: House) -> None:
    house = counted_house
    slot, alice = house.slot(), house.patient()
    ticket = house.ticket(slot, alice)

    with counted(house.redis) as trips:
        house.answer(ticket)

    assert trips.in_sequence <= 3
    assert len(trips.of("redis")) == 2
    assert sorted(trips.of("mongo")) == ["aggregate", "find", "findAndModify"]


def test_a_hold_refused_makes_at_most_two_trips_and_none_to_mongodb(counted_house: House) -> None:
    house = counted_house
    slot, alice, bob = house.slot(), house.patient(), house.patient()
    house.hold(slot, alice)
    ticket = house.ticket(slot, bob)

    with counted(house.redis) as trips, pytest.raises(SlotHeld):
        house.answer(ticket)

    assert len(trips.of("redis")) <= 2
    assert trips.of("mongo") == []


def test_a_replay_makes_one_trip(counted_house: House) -> None:
    house = counted_house
    slot, alice = house.slot(), house.patient()
    house.hold(slot, alice, "k" * 16)
    ticket = house.ticket(slot, alice, "k" * 16)

    with counted(house.redis) as trips:
        house.answer(ticket)

    assert (len(trips.of("redis")), trips.of("mongo")) == (1, [])


def test_a_verify_makes_at_most_five_trips_in_sequence(counted_house: House) -> None:
    house = counted_house
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    code = house.code(attempt, alice)

    with counted(house.redis) as trips:
        house.verify(attempt, alice, code)

    assert trips.in_sequence <= 5
    assert len(trips.of("redis")) == 2
    assert sorted(trips.of("mongo")) == ["delete", "findAndModify", "insert", "insert", "insert"]


def test_a_wrong_code_makes_at_most_three_trips_in_sequence(counted_house: House) -> None:
    house = counted_house
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    wrong = house.wrong_code(attempt, alice)

    with counted(house.redis) as trips, pytest.raises(OtpInvalid):
        house.verify(attempt, alice, wrong)

    assert trips.in_sequence <= 3


def test_the_count_sees_trips_that_follow_one_another(counted_house: House) -> None:
    house = counted_house

    with counted(house.redis) as trips:
        for _ in range(4):
            house.redis.get(uuid.uuid4().hex)
        house.database["slots"].find_one({"_id": "x"})

    assert trips.in_sequence == 5


@pytest.mark.parametrize("how", ["cancel", "reschedule"])
def test_the_end_of_a_booking_makes_at_most_four_trips_in_sequence(
    counted_house: House, how: str
) -> None:
    house = counted_house
    alice = house.patient()
    booking = house.book(house.slot(), alice)
    caller = Caller(user_id=alice, role=Role.PATIENT)

    with counted(house.redis) as trips:
        getattr(house, how)(booking.id, caller)

    assert trips.in_sequence <= 4
    assert sorted(trips.of("mongo")) == ["find", "findAndModify", "insert", "insert", "update"]
