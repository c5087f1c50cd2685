"""The checker: silent on what the system makes of itself, at rest or at work; it only reads."""

from __future__ import annotations

import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo.monitoring
import pytest
from pymongo import MongoClient

from local.payment_simulator import running
from local.simulated_payments import SimulatedPayments
from ops.check import GRACE, check
from ops.check.report import as_text
from ops.violation import Violation
from slotkeeper.domain.errors import PaymentDeclined, Unavailable
from slotkeeper.domain.payment import LatePayment
from slotkeeper.domain.timetable import TimeChange
from slotkeeper.domain.user import Caller, Role
from tests.support import settled
from tests.support.house import House
from tests.support.managing import Managing, day_schedule, in_days
from tests.support.paying import DECLINED, Died, Life, Shop
from tests.support.planted import Scene
from tests.support.servers import Stores

NOTHING = timedelta(0)
ROUNDS = 6


def found(
    house: House, *, grace: timedelta = NOTHING, heads: dict[int, str] | None = None
) -> list[Violation]:
    environment = house.keys.environment
    return list(
        check(house.database, house.redis, environment=environment, grace=grace, heads=heads)
    )


def lived_in(house: House) -> None:
    """Everything that can happen to slots and bookings, and all of it told."""
    patient = house.patient()
    caller = Caller(user_id=patient, role=Role.PATIENT)
    house.book(house.slot(), patient)
    cancelled = house.book(house.slot(starts_in=timedelta(days=3)), patient)
    house.cancel(cancelled.id, caller)
    again = house.book(cancelled.slot_id, patient)
    house.cancel(again.id, caller)
    moved = house.book(house.slot(starts_in=timedelta(days=4)), patient)
    house.reschedule(moved.id, caller)
    old = house.book(house.slot(starts_in=timedelta(days=5)), patient)
    house.book(house.slot(starts_in=timedelta(days=6)), patient, replaces=old.id)
    released = house.slot(starts_in=timedelta(days=7))
    house.release(house.hold(released, patient), patient)
    expired = house.slot(starts_in=timedelta(days=8))
    house.hold(expired, patient)
    house.end_hold(expired)
    house.sweep()
    house.hold(house.slot(starts_in=timedelta(days=9)), patient)
    a_clinic_at_work(house)
    house.sweep()
    house.relay()


def a_clinic_at_work(house: House) -> None:
    clinic = Managing(house)
    doctor = clinic.add_doctor().id
    clinic.change_doctor(doctor, name="Dr. Grace")
    clinic.fill(doctor, day_schedule(12))
    first, second, third, *_ = (slot["_id"] for slot in clinic.slots(doctor))
    clinic.block(first)
    clinic.block(first, is_blocked=False)
    patient = house.patient()
    house.cancel(house.book(second, patient).id, Caller(user_id=patient, role=Role.PATIENT))
    house.hold(third, patient)
    house.end_hold(third)
    for change in (TimeChange.BLOCKED, TimeChange.ACTIVE, TimeChange.REMOVED):
        clinic.change_time(doctor, change, in_days(12, 0), in_days(13, 0))
    # Made again: the facts of those that were removed are theirs too.
    clinic.fill(doctor, day_schedule(12))
    house.book(second, house.patient())


def test_a_database_after_use_is_clean(house: House) -> None:
    lived_in(house)

    assert found(house) == []


def test_payments_made_given_back_and_late_are_clean(house: House) -> None:
    with running(SimulatedPayments()) as simulator:
        kept, returned = Shop.open(house, simulator), Shop.open(house, simulator)
        late = Shop.open(house, simulator, late=LatePayment.IF_STILL_FREE)
        declined = Shop.open(house, simulator)
        kept.verify()
        patient = Caller(user_id=returned.alice, role=Role.PATIENT)
        returned.house.cancel(returned.verify().booking.id, patient)
        with pytest.raises(Died):
            late.verify(house=late.mortal(Life(at=5)))
        house.end_hold_if_any(late.slot)
        with pytest.raises(PaymentDeclined):
            declined.verify(DECLINED)
        late.settle()

        assert found(house) == []
        assert house.database["sagas"].count_documents({}) == 4


def test_what_is_under_way_is_excused_within_the_grace_only(house: House) -> None:
    patient = house.patient()
    house.book(house.slot(), patient)  # told, but neither cleared from the slot nor sent

    assert found(house, grace=GRACE) == []
    assert {v.rule for v in found(house)} == {"fact_not_recorded", "event_not_sent"}


def test_a_confirmation_whose_function_died_is_excused_within_the_grace(house: House) -> None:
    patient, slot = house.patient(), house.slot()
    booking = house.book(slot, patient)
    for collection, id_ in (
        ("bookings", booking.id),
        *((name, entry["_id"]) for name in ("audit_logs", "outbox") for entry in house.audit()),
    ):
        house.database[collection].delete_one({"_id": id_})

    assert found(house, grace=GRACE) == []
    assert {"booking_lost", "slot_without_booking"} <= {v.rule for v in found(house)}
    house.sweep()
    house.relay()
    assert found(house) == []


def test_an_end_whose_function_died_is_excused_within_the_grace(house: House) -> None:
    patient = house.patient()
    booking = house.book(house.slot(), patient)
    house.relay()
    before = house.bookings()[0]
    house.cancel(booking.id, Caller(user_id=patient, role=Role.PATIENT))
    house.database["bookings"].replace_one({"_id": booking.id}, before)
    for name in ("audit_logs", "outbox"):
        house.database[name].delete_one({"type": "booking.cancelled"})

    assert found(house, grace=GRACE) == []
    assert {"booking_without_slot", "booking_disagrees_with_facts"} <= {
        violation.rule for violation in found(house)
    }
    house.sweep()
    house.relay()
    assert found(house) == []


def test_a_booking_s_turn_to_be_told_of_is_no_unfinished_notification(house: House) -> None:
    house.deliveries.end_turn(house.deliveries.take_turn("bk_1", 1))
    house.deliveries.take_turn("bk_2", 1)  # and the function died
    key = "e-1-sms"
    assert house.deliveries.claim(key)
    past = datetime.now(UTC) - timedelta(days=2)
    house.database["deliveries"].update_many({}, {"$set": {"at": past}})

    assert [(v.rule, v.about) for v in found(house)] == [("delivery_unfinished", key)]


def test_an_event_that_lapsed_is_not_missed(house: House) -> None:
    scene = Scene.of(house)
    house.release(scene.attempt, scene.patient)
    scene.settle()
    scene.seal()
    house.database["outbox"].delete_many({})
    now = scene.booking.created_at + timedelta(days=13, minutes=1)

    assert {violation.rule for violation in found(house)} == {"audit_without_event"}
    assert list(check(house.database, now=now, grace=NOTHING)) == []


# --- at work


def test_a_change_between_two_reads_is_looked_at_again_and_not_told(house: House) -> None:
    scene = Scene.of(house)
    asked: list[str] = []

    def meanwhile(what: str, _count: int) -> None:
        asked.append(what)
        if asked.count("slots") == 1 and what == "slots":
            # Slots were read a moment ago, what is told of them is still to be read.
            caller = Caller(user_id=scene.patient, role=Role.PATIENT)
            house.cancel(scene.booking.id, caller)
            scene.settle()

    violations = list(check(house.database, grace=NOTHING, progress=meanwhile))

    assert violations == []
    # Read once in passing and again, as it seemed wrong: else this would prove nothing.
    assert asked[: asked.index("bookings")].count("slots") == 1
    assert asked.count("slots") >= 3


def test_a_system_at_work_raises_no_alarm(house: House) -> None:
    failures: list[BaseException] = []

    def at_work(first: str, second: str) -> None:
        patient = house.patient()
        caller = Caller(user_id=patient, role=Role.PATIENT)
        try:
            for _ in range(ROUNDS):
                booked = house.book(first, patient)
                moved = house.book(second, patient, replaces=booked.id)
                house.cancel(moved.id, caller)
                house.release(house.hold(first, patient), patient)
                house.hold(second, patient)
                house.end_hold(second)
                # Two relays at once may wait for each other's: that is their matter.
                for tidy in (house.sweep, house.relay):
                    with suppress(Unavailable):
                        tidy()
        except BaseException as error:  # noqa: BLE001  # told by the test itself
            failures.append(error)

    days = iter(range(2, 10))
    pairs = [[house.slot(starts_in=timedelta(days=next(days))) for _ in "ab"] for _ in range(4)]
    threads = [threading.Thread(target=at_work, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    alarms: list[Violation] = []
    while any(thread.is_alive() for thread in threads):
        alarms += found(house, grace=GRACE)
    for thread in threads:
        thread.join()
    house.sweep()
    house.relay()

    assert [as_text(alarm) for alarm in alarms] == []
    assert failures == []
    assert found(house) == []
    assert len(house.bookings()) == 2 * len(pairs) * ROUNDS


# --- what it does to the stores


class _Commands(pymongo.monitoring.CommandListener):
    def __init__(self) -> None:
        self.names: Counter[str] = Counter()

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        self.names[event.command_name] += 1

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        pass


@pytest.mark.one_server("one Redis counts the commands it was sent")
def test_it_only_reads(house: House, stores: Stores) -> None:
    scene = Scene.of(house)
    house.end_hold(scene.held)
    scene.delete("bookings", scene.ended.id)
    house.redis.persist(house.keys.lock(scene.held))
    commands = _Commands()

    def content() -> object:
        return house.database.command("dbHash")["collections"]

    before = content()
    with (
        MongoClient[dict[str, Any]](
            stores.mongo_uri, tz_aware=True, event_listeners=[commands]
        ) as client,
        stores.connect_redis() as redis,
    ):
        database = client[house.database.name]
        redis.config_resetstat()
        violations = list(check(database, redis, environment=house.keys.environment))
        asked = {name.removeprefix("cmdstat_") for name in redis.info("commandstats")}

    assert violations != []
    assert set(commands.names) <= {"hello", "find", "listIndexes", "getMore", "endSessions"}
    assert commands.names["find"] > 0
    assert asked <= {"scan", "pttl", "get", "hkeys", "zrange", "exists", "config|resetstat"}
    assert "scan" in asked
    assert content() == before


@contextmanager
def peak() -> Iterator[list[int]]:
    """The most bytes that were allocated at once in the block."""
    most: list[int] = []
    tracemalloc.start()
    try:
        yield most
        most.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


@pytest.fixture
def peaks(house: House) -> dict[str, tuple[int, int]]:
    """Peaks of a check, and of reading all bookings at once, of 2,000 and of 8,000 bookings."""
    told: dict[str, list[int]] = {"check": [], "all at once": []}
    for bookings in (2_000, 8_000):
        for collection in ("slots", "bookings", "audit_logs", "audit_seals", "outbox"):
            house.database[collection].delete_many({})
        settled.fill(house.database, bookings)
        assert house.seal().entries == bookings
        with peak() as most:
            assert list(check(house.database, grace=NOTHING, seal_grace=NOTHING)) == []
        told["check"] += most
        with peak() as most:
            assert len(list(house.database["bookings"].find())) == bookings
        told["all at once"] += most
    return {name: (small, large) for name, (small, large) in told.items()}


@pytest.mark.one_server("what the checker holds is the same whoever answers")
def test_memory_does_not_grow_with_the_database(peaks: dict[str, tuple[int, int]]) -> None:
    small, large = peaks["check"]
    control_small, control_large = peaks["all at once"]

    assert large < 1.2 * small
    # The measure tells: what does grow is seen to.
    assert control_large > 3 * control_small
