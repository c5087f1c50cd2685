"""Races about bookings that end, each with a control that shows it without its guard."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from slotkeeper.adapters.mongo.booked_slots import MongoBookedSlots
from slotkeeper.adapters.mongo.documents import SLOTS
from slotkeeper.adapters.redis.gate import RedisGate
from slotkeeper.domain.booking import CANCEL, Booking, BookingChange, BookingStatus
from slotkeeper.domain.errors import AppointmentError, BookingNotConfirmed
from slotkeeper.domain.user import Caller, Role
from slotkeeper.ports.holds import Admission, HoldTicket
from slotkeeper.services.verify_otp import Confirmation
from tests.concurrency.at_once import at_once
from tests.support.house import House

THREADS = 64


class ReadThenWrite(MongoBookedSlots):
    """The control: decides on what it read a moment ago; all read before any of them writes."""

    def __init__(self, house: House, everybody: threading.Barrier):
        super().__init__(house.database, house.policy)
        self._everybody = everybody

    def _change(self, slot_id: str, condition: Any, changes: Any, session: Any) -> Any:
        pipeline = [{"$match": {"_id": slot_id}}, {"$project": {"decided": condition}}]
        [seen] = self._slots.aggregate(pipeline)
        self._everybody.wait()
        return super()._change(slot_id, {"$literal": seen["decided"]}, changes, session)


class SeesNoOthers(RedisGate):
    """The control: a gate that does not tell what else the patient is about to hold."""

    def admit(self, ticket: HoldTicket) -> Admission:
        return replace(super().admit(ticket), other_slots=[])


def _booked(house: House) -> tuple[Booking, Caller]:
    alice = house.patient()
    return house.book(house.slot(), alice), Caller(user_id=alice, role=Role.PATIENT)


def _ended(house: House, booking: Booking) -> list[str]:
    """How the booking ended, by its events; each has its audit entry."""
    house.sweep()
    told = [e["type"] for e in house.events(bookingId=booking.id)]
    assert sorted(told) == sorted(e["type"] for e in house.audit(bookingId=booking.id))
    return [type_ for type_ in told if type_ != "booking.confirmed"]


def test_many_cancels_at_once_have_one_effect_and_one_answer(house: House) -> None:
    booking, alice = _booked(house)

    results = at_once([partial(house.cancel, booking.id, alice) for _ in range(THREADS)])

    assert set(results) == {house.ledger.booking(booking.id)}
    assert _ended(house, booking) == ["booking.cancelled"]
    assert house.document(booking.slot_id)["version"] == 4


def test_of_many_reschedules_at_once_one_succeeds(house: House) -> None:
    booking, alice = _booked(house)

    results = at_once([partial(house.reschedule, booking.id, alice) for _ in range(THREADS)])

    done = [result for result in results if isinstance(result, Booking)]
    assert done == [house.ledger.booking(booking.id)]
    assert sum(isinstance(result, BookingNotConfirmed) for result in results) == THREADS - 1
    assert _ended(house, booking) == ["booking.rescheduled"]


def test_a_booking_is_cancelled_or_rescheduled_never_both(house: House) -> None:
    won: Counter[BookingStatus] = Counter()
    for _ in range(20):
        booking, alice = _booked(house)
        how = [house.cancel, house.reschedule] * 4

        results = at_once([partial(call, booking.id, alice) for call in how])

        statuses = {r.status for r in results if isinstance(r, Booking)}
        assert len(statuses) == 1
        assert len(_ended(house, booking)) == 1
        won += Counter(statuses)
    assert set(won) == {BookingStatus.CANCELLED, BookingStatus.RESCHEDULED}


def test_control_without_the_conditional_update_several_cancel(house: House) -> None:
    booking, _ = _booked(house)
    unguarded = ReadThenWrite(house, threading.Barrier(10))

    at_once([partial(_give_back, unguarded, booking, n) for n in range(10)])

    told = [fact["type"] for fact in house.document(booking.slot_id)["pendingEvents"]]
    assert told.count("booking.cancelled") > 1


def _give_back(slots: MongoBookedSlots, booking: Booking, number: int) -> Any:
    asked = BookingChange(
        transition=CANCEL,
        actor=booking.user_id,
        request_id=f"request-{number}",
        request_key=f"request-{number}",
        reason=None,
    )
    return slots.give_back(booking, asked, ahead=timedelta(0))


def test_a_replacement_and_a_cancel_of_the_old_booking_never_both_happen(house: House) -> None:
    won: Counter[str] = Counter()
    for _ in range(20):
        doctor, alice = house.doctor(), house.patient()
        old = house.book(house.slot(doctor), alice)
        attempt = house.hold(
            house.slot(doctor, starts_in=timedelta(days=3)), alice, replaces=old.id
        )
        caller = Caller(user_id=alice, role=Role.PATIENT)
        code = house.code(attempt, alice)

        verified, cancelled = at_once(
            [partial(house.verify, attempt, alice, code), partial(house.cancel, old.id, caller)]
        )

        [end] = _ended(house, old)
        statuses = sorted(b["status"] for b in house.bookings(userId=alice))
        if isinstance(verified, Confirmation):
            assert isinstance(cancelled, BookingNotConfirmed)
            assert (end, statuses) == ("booking.rescheduled", ["confirmed", "rescheduled"])
        else:
            assert isinstance(cancelled, Booking)
            assert (end, statuses) == ("booking.cancelled", ["cancelled"])
        won[end] += 1
    assert sum(won.values()) == 20


def test_a_replacement_confirmed_many_times_at_once_happens_once(house: House) -> None:
    doctor, alice = house.doctor(), house.patient()
    old = house.book(house.slot(doctor), alice)
    attempt = house.hold(house.slot(doctor, starts_in=timedelta(days=3)), alice, replaces=old.id)
    code = house.code(attempt, alice)

    results = at_once([partial(house.verify, attempt, alice, code) for _ in range(20)])

    done = [result for result in results if isinstance(result, Confirmation)]
    assert sum(result.is_new for result in done) <= 1
    assert len({result.booking for result in done}) == 1
    assert _ended(house, old) == ["booking.rescheduled"]
    assert len(house.bookings(userId=alice)) == 2


def test_one_patient_s_many_tabs_hold_one_slot_at_a_time(house: House) -> None:
    house = house.with_policy(max_live_holds=20)
    alice = house.patient()
    slots = [house.slot(starts_in=timedelta(days=2, minutes=n)) for n in range(8)]

    results = at_once([partial(house.hold, slot, alice) for slot in slots])

    assert sum(isinstance(result, str) for result in results) <= 1
    assert house.database[SLOTS].count_documents({"hold.userId": alice}) <= 1
    assert all(isinstance(r, (str, AppointmentError)) for r in results)


def test_control_where_tabs_do_not_see_each_other_several_hold(house: House) -> None:
    house = house.with_policy(max_live_holds=20)
    house.gate = SeesNoOthers(house.redis, house.keys, house.policy)
    alice = house.patient()
    slots = [house.slot(starts_in=timedelta(days=2, minutes=n)) for n in range(8)]

    at_once([partial(house.hold, slot, alice) for slot in slots])

    assert house.database[SLOTS].count_documents({"hold.userId": alice}) > 1
