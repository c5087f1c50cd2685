"""The checker: silent on what the system makes of itself, and it finds every planted violation."""

from __future__ import annotations

from datetime import timedelta

from ops.check import check
from ops.violation import Violation
from slotkeeper.domain.user import Caller, Role
from tests.support.house import House

NOTHING = timedelta(0)


def found(house: House, *, grace: timedelta = NOTHING) -> list[Violation]:
    environment = house.keys.environment
    return list(check(house.database, house.redis, environment=environment, grace=grace))


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
    house.sweep()
    house.relay()


def test_a_database_after_use_is_clean(house: House) -> None:
    lived_in(house)

    assert found(house) == []
