"""A booking ends: cancelled, rescheduled, replaced by another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slotkeeper.adapters.mongo.booked_slots import can_be_given_back
from slotkeeper.adapters.mongo.documents import BOOKINGS, SLOTS
from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.errors import (
    BookingNotConfirmed,
    HoldExpired,
    IdempotencyKeyReused,
    NotFound,
    OtpInvalid,
    PreconditionFailed,
    SlotHeld,
    SlotUnavailable,
    TooLate,
    Unavailable,
)
from slotkeeper.domain.user import Caller, Role
from tests.support.house import House

CHANGES = ["cancel", "reschedule"]


def patient(user_id: str) -> Caller:
    return Caller(user_id=user_id, role=Role.PATIENT)


def staff(house: House, clinic: str = "clinic-1") -> Caller:
    return Caller(user_id=house.patient(clinicId=clinic), role=Role.STAFF)


def change(house: House, how: str, booking: Booking, caller: Caller, **more: Any) -> Booking:
    done: Booking = getattr(house, how)(booking.id, caller, **more)
    return done


def begins_in(house: House, booking: Booking, left: timedelta) -> None:
    """Move the appointment, as time would."""
    start = datetime.now(UTC) + left
    for name, key in ((SLOTS, booking.slot_id), (BOOKINGS, booking.id)):
        house.database[name].update_one({"_id": key}, {"$set": {"startTime": start}})


# --- cancel ---------------------------------------------------------------------------------------


def test_a_cancelled_booking_gives_its_slot_back_and_is_told_once(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    booking = house.book(slot, alice)

    cancelled = house.cancel(booking.id, patient(alice), reason="something came up")

    assert (cancelled.status, cancelled.version) == (BookingStatus.CANCELLED, 2)
    assert house.ledger.booking(booking.id) == cancelled
    document = house.document(slot)
    assert (document["status"], document.get("bookingId")) == ("active", None)
    [told] = house.events(bookingId=booking.id, type="booking.cancelled")
    [audited] = house.audit(bookingId=booking.id, type="booking.cancelled")
    assert (told["from"], told["to"], told["actor"]) == ("confirmed", "cancelled", alice)
    assert audited["actor"] == alice
    # What a person wrote is with the booking, and nowhere else.
    [kept] = house.bookings(_id=booking.id)
    assert kept["reason"] == "something came up"
    assert "something" not in f"{told} {audited}"
    assert house.waker.woken == 2
    assert document["doctorId"] in house.pages.forgotten  # type: ignore[attr-defined]  # NoPages


def test_a_slot_given_back_can_be_booked_again_end_to_end(house: House) -> None:
    slot, alice, bob = house.slot(), house.patient(), house.patient()
    house.cancel(house.book(slot, alice).id, patient(alice))

    again = house.book(slot, bob)

    assert house.document(slot)["bookingId"] == again.id
    house.sweep()
    assert [b["status"] for b in house.bookings(slotId=slot)] == ["cancelled", "confirmed"]
    assert len(house.events(slotId=slot)) == len(house.audit(slotId=slot)) == 3


def test_the_same_patient_can_book_the_slot_again(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    first = house.book(slot, alice)
    house.cancel(first.id, patient(alice))

    second = house.book(slot, alice)

    assert second.id != first.id
    assert second.status is BookingStatus.CONFIRMED


def test_a_forgotten_key_of_a_booking_does_not_book_again(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    booking = house.verify(house.hold(slot, alice, "k" * 16), alice).booking
    house.cancel(booking.id, patient(alice))
    house.lose_redis()

    with pytest.raises(IdempotencyKeyReused):
        house.hold(slot, alice, "k" * 16)

    assert house.document(slot)["status"] == "active"


def test_cancelling_again_has_no_further_effect_and_the_same_answer(house: House) -> None:
    alice = house.patient()
    booking = house.book(house.slot(), alice)

    first = house.cancel(booking.id, patient(alice))
    again = house.cancel(booking.id, patient(alice), expected=frozenset({1}))

    assert again == first
    assert len(house.events(type="booking.cancelled")) == 1


def test_a_patient_may_cancel_until_the_start_and_staff_after_it(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    booking = house.book(slot, alice)
    begins_in(house, booking, timedelta(seconds=-1))

    with pytest.raises(TooLate):
        house.cancel(booking.id, patient(alice))
    cancelled = house.cancel(booking.id, staff(house))

    assert cancelled.status is BookingStatus.CANCELLED
    assert house.document(slot)["status"] == "blocked"


def test_how_long_before_the_start_a_patient_may_cancel_is_a_setting(house: House) -> None:
    house = house.with_policy(cancel_window=timedelta(hours=2))
    alice = house.patient()
    booking = house.book(house.slot(), alice)
    begins_in(house, booking, timedelta(hours=2, seconds=-1))

    with pytest.raises(TooLate):
        house.cancel(booking.id, patient(alice))
    begins_in(house, booking, timedelta(hours=2, seconds=5))
    house.cancel(booking.id, patient(alice))


# --- reschedule -----------------------------------------------------------------------------------


def test_a_rescheduled_booking_gives_its_slot_back(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    booking = house.book(slot, alice)

    done = house.reschedule(booking.id, patient(alice))

    assert (done.status, done.version) == (BookingStatus.RESCHEDULED, 2)
    assert house.document(slot)["status"] == "active"
    assert len(house.events(type="booking.rescheduled")) == 1
    assert len(house.audit(type="booking.rescheduled")) == 1


@pytest.mark.parametrize(
    ("left", "may"),
    [
        (timedelta(hours=24, milliseconds=1), True),
        (timedelta(hours=24), False),
        (timedelta(hours=24, milliseconds=-1), False),
    ],
    ids=["a millisecond more", "exactly 24 h", "a millisecond less"],
)
def test_more_than_24_hours_is_exact_to_the_millisecond(
    house: House, left: timedelta, may: bool
) -> None:
    alice = house.patient()
    booking = house.book(house.slot(), alice)
    now = datetime.now(UTC).replace(microsecond=0)
    house.database[SLOTS].update_one({"_id": booking.slot_id}, {"$set": {"startTime": now + left}})
    condition = can_be_given_back(booking, house.policy.reschedule_window)

    # The very condition, at an instant that is told: `$$NOW` cannot be.
    [judged] = house.database[SLOTS].aggregate(
        [
            {"$match": {"_id": booking.slot_id}},
            {"$project": {"may": _at(condition, now)}},
        ]
    )

    assert judged["may"] is may


def _at(expression: Any, now: datetime) -> Any:
    match expression:
        case "$$NOW":
            return now
        case dict():
            return {key: _at(value, now) for key, value in expression.items()}
        case list():
            return [_at(value, now) for value in expression]
    return expression


@pytest.mark.parametrize("left", [timedelta(hours=24), timedelta(hours=1), timedelta(hours=-1)])
def test_it_is_too_late_to_reschedule_within_24_hours(house: House, left: timedelta) -> None:
    alice = house.patient()
    booking = house.book(house.slot(), alice)
    begins_in(house, booking, left)

    with pytest.raises(TooLate):
        house.reschedule(booking.id, patient(alice))

    assert house.ledger.booking(booking.id).status is BookingStatus.CONFIRMED  # type: ignore[union-attr]
    assert house.document(booking.slot_id)["status"] == "booked"


def test_a_repeated_reschedule_is_known_by_its_key_and_refused_without(house: House) -> None:
    alice = house.patient()
    booking = house.book(house.slot(), alice)

    first = house.reschedule(booking.id, patient(alice), request_key="mine")
    again = house.reschedule(booking.id, patient(alice), request_key="mine")

    assert again == first
    with pytest.raises(BookingNotConfirmed):
        house.reschedule(booking.id, patient(alice))
    assert len(house.events(type="booking.rescheduled")) == 1


@pytest.mark.parametrize(
    ("how", "status"),
    [
        (how, status)
        for how in CHANGES
        for status in ("cancelled", "rescheduled", "completed", "no_show")
        if (how, status) != ("cancel", "cancelled")  # answered alike
    ],
)
def test_only_a_confirmed_booking_can_be_changed(house: House, how: str, status: str) -> None:
    alice = house.patient()
    booking = house.book(house.slot(), alice)
    house.database[BOOKINGS].update_one({"_id": booking.id}, {"$set": {"status": status}})

    with pytest.raises(BookingNotConfirmed):
        change(house, how, booking, patient(alice))


# --- who, and which version -----------------------------------------------------------------------


@pytest.mark.parametrize("how", CHANGES)
def test_somebody_else_s_booking_is_not_found(house: House, how: str) -> None:
    alice, bob = house.patient(), house.patient()
    booking = house.book(house.slot(), alice)

    for stranger in (patient(bob), staff(house, "clinic-2")):
        with pytest.raises(NotFound):
            change(house, how, booking, stranger)
    assert change(house, how, booking, staff(house)).version == 2


@pytest.mark.parametrize("how", CHANGES)
def test_another_version_than_expected_is_not_changed(house: House, how: str) -> None:
    alice = house.patient()
    booking = house.book(house.slot(), alice)

    with pytest.raises(PreconditionFailed):
        change(house, how, booking, patient(alice), expected=frozenset({2}))
    with pytest.raises(PreconditionFailed):
        change(house, how, booking, patient(alice), expected=frozenset())
    assert change(house, how, booking, patient(alice), expected=frozenset({1, 5})).version == 2


# --- what a function that dies leaves -------------------------------------------------------------


@pytest.mark.parametrize("how", CHANGES)
def test_what_was_decided_is_completed_by_the_sweep(house: House, how: str) -> None:
    slot, alice, bob = house.slot(), house.patient(), house.patient()
    booking = house.book(slot, alice)
    house.relay()
    _die_after_deciding(house, how, booking, alice)
    assert house.ledger.booking(booking.id).status is BookingStatus.CONFIRMED  # type: ignore[union-attr]

    other = house.book(slot, bob)  # the slot is free already
    house.sweep()

    ended = house.ledger.booking(booking.id)
    assert ended is not None
    assert ended.status is not BookingStatus.CONFIRMED
    assert house.ledger.booking(other.id) == other
    assert len(house.events(bookingId=booking.id)) == 2
    assert len(house.audit(bookingId=booking.id)) == 2
    assert house.database[SLOTS].count_documents({"pendingEvents": {"$exists": True}}) == 0


@pytest.mark.parametrize("how", CHANGES)
def test_what_was_decided_is_completed_by_the_request_sent_again(house: House, how: str) -> None:
    alice = house.patient()
    booking = house.book(house.slot(), alice)
    _die_after_deciding(house, how, booking, alice, request_key="mine")

    done = change(house, how, booking, patient(alice), request_key="mine")

    assert done.version == 2
    assert house.ledger.booking(booking.id) == done
    assert len(house.events(bookingId=booking.id)) == 2


def _die_after_deciding(
    house: House, how: str, booking: Booking, user_id: str, **more: Any
) -> None:
    class Dead(type(house.ledger)):  # type: ignore[misc]  # the real ledger, but for recording
        def record(self, **_: Any) -> None:
            raise Unavailable

    alive = house.ledger
    house.ledger = Dead(house.database)
    with pytest.raises(Unavailable):
        change(house, how, booking, patient(user_id), **more)
    house.ledger = alive


# --- replaces -------------------------------------------------------------------------------------


def test_a_booking_is_replaced_when_the_new_one_is_confirmed(house: House) -> None:
    doctor, alice = house.doctor(), house.patient()
    old_slot, new_slot = house.slot(doctor), house.slot(doctor, starts_in=timedelta(days=3))
    old = house.book(old_slot, alice)

    attempt = house.hold(new_slot, alice, replaces=old.id)
    assert house.ledger.booking(old.id) == old
    new = house.verify(attempt, alice).booking

    replaced = house.ledger.booking(old.id)
    assert replaced is not None
    assert (replaced.status, replaced.version) == (BookingStatus.RESCHEDULED, 2)
    assert (replaced.replaced_by, new.replaces) == (new.id, old.id)
    assert house.ledger.booking(new.id) == new
    assert house.document(old_slot)["status"] == "active"
    assert house.document(new_slot)["bookingId"] == new.id
    for told in (house.events(), house.audit()):
        assert sorted((fact["type"], fact["bookingId"]) for fact in told) == sorted(
            [
                ("booking.confirmed", old.id),
                ("booking.confirmed", new.id),
                ("booking.rescheduled", old.id),
            ]
        )


def test_a_repeated_verify_of_a_replacing_hold_answers_the_same_booking(house: House) -> None:
    _, attempt, alice = _replacing(house)
    code = house.code(attempt, alice)
    new = house.verify(attempt, alice, code)

    again = house.verify(attempt, alice, code)

    assert (again.booking, again.is_new) == (new.booking, False)
    assert len(house.bookings(userId=alice)) == 2


def test_a_wrong_code_leaves_the_old_booking(house: House) -> None:
    old, attempt, alice = _replacing(house)

    with pytest.raises(OtpInvalid):
        house.verify(attempt, alice, house.wrong_code(attempt, alice))

    assert house.ledger.booking(old.id) == old
    assert house.document(old.slot_id)["status"] == "booked"


def test_a_hold_that_ends_leaves_the_old_booking(house: House) -> None:
    old, attempt, alice = _replacing(house)
    code = house.code(attempt, alice)
    house.database[SLOTS].update_one(
        {"hold.attemptId": attempt}, {"$set": {"hold.expiresAt": datetime.now(UTC)}}
    )

    with pytest.raises(HoldExpired):
        house.verify(attempt, alice, code)
    house.sweep()

    assert house.ledger.booking(old.id) == old
    assert house.document(old.slot_id)["status"] == "booked"


def test_a_booking_cancelled_meanwhile_is_not_replaced_and_nothing_changes(house: House) -> None:
    old, attempt, alice = _replacing(house)
    house.cancel(old.id, patient(alice))

    with pytest.raises(BookingNotConfirmed):
        house.verify(attempt, alice)

    assert [b["_id"] for b in house.bookings(userId=alice)] == [old.id]
    assert house.database[SLOTS].find_one({"hold.attemptId": attempt, "status": "reserved"})


def test_a_booking_that_comes_too_near_is_not_replaced_and_nothing_changes(house: House) -> None:
    old, attempt, alice = _replacing(house)
    begins_in(house, old, timedelta(hours=23))

    with pytest.raises(TooLate):
        house.verify(attempt, alice)

    assert [b["status"] for b in house.bookings(userId=alice)] == ["confirmed"]
    assert house.document(old.slot_id)["status"] == "booked"
    assert house.database[SLOTS].find_one({"hold.attemptId": attempt, "status": "reserved"})


@pytest.mark.parametrize("command", ["findAndModify", "insert", "update", "commitTransaction"])
def test_a_replacement_that_fails_half_way_changes_nothing(house: House, command: str) -> None:
    old, attempt, alice = _replacing(house)
    code = house.code(attempt, alice)
    admin = house.database.client.admin
    # Of the findAndModifys the plain confirmation comes first, then the two of the transaction.
    skip = 2 if command == "findAndModify" else 0
    admin.command(
        "configureFailPoint",
        "failCommand",
        mode={"skip": skip} if skip else "alwaysOn",
        # Interrupted: no label that would have the driver try again.
        data={"failCommands": [command], "errorCode": 11601},
    )
    try:
        with pytest.raises(Unavailable):
            house.verify(attempt, alice, code)
    finally:
        admin.command("configureFailPoint", "failCommand", mode="off")

    assert house.ledger.booking(old.id) == old
    assert house.document(old.slot_id)["status"] == "booked"
    assert len(house.bookings(userId=alice)) == 1
    # And it can be tried again.
    assert house.verify(attempt, alice, code).booking.replaces == old.id


def test_a_replacement_whose_recorder_dies_is_completed_by_the_sweep(house: House) -> None:
    _, attempt, alice = _replacing(house)

    class Dead(type(house.ledger)):  # type: ignore[misc]  # the real ledger, but for recording
        def record(self, **_: Any) -> None:
            raise Unavailable

    alive, house.ledger = house.ledger, Dead(house.database)
    with pytest.raises(Unavailable):
        house.verify(attempt, alice)
    house.ledger = alive
    statuses = sorted(b["status"] for b in house.bookings(userId=alice))
    assert statuses == ["confirmed", "rescheduled"]  # together, though nothing is told yet

    house.sweep()

    assert len(house.events(userId=alice)) == len(house.audit(userId=alice)) == 3


@pytest.mark.parametrize("command", ["foreign", "absent", "cancelled", "too late"])
def test_what_cannot_be_replaced_is_refused_at_once_and_leaves_no_hold(
    house: House, command: str
) -> None:
    alice, bob = house.patient(), house.patient()
    slot = house.slot(starts_in=timedelta(days=5))
    old = house.book(house.slot(), bob if command == "foreign" else alice)
    if command == "cancelled":
        house.cancel(old.id, patient(alice))
    if command == "too late":
        begins_in(house, old, timedelta(hours=24))
    wanted = "bk_nobody" if command == "absent" else old.id
    expected = {"cancelled": BookingNotConfirmed, "too late": TooLate}.get(command, NotFound)

    with pytest.raises(expected):
        house.hold(slot, alice, replaces=wanted)

    assert house.document(slot)["status"] == "active"
    assert house.redis_keys() == [k for k in house.redis_keys() if k.startswith("booking:")]
    assert house.queue.codes[1:] == []


def test_one_s_own_hold_is_not_turned_into_a_replacement(house: House) -> None:
    alice = house.patient()
    old = house.book(house.slot(), alice)
    slot = house.slot(starts_in=timedelta(days=4))
    attempt = house.hold(slot, alice)

    with pytest.raises(SlotHeld):
        house.hold(slot, alice, replaces=old.id)

    assert house.hold(slot, alice) == attempt


def _replacing(house: House) -> tuple[Booking, str, str]:
    """A booking, and an attempt of the same patient that is to replace it."""
    doctor, alice = house.doctor(), house.patient()
    old = house.book(house.slot(doctor), alice)
    slot = house.slot(doctor, starts_in=timedelta(days=3))
    return old, house.hold(slot, alice, replaces=old.id), alice


# --- two appointments at a time -------------------------------------------------------------------


def test_a_patient_cannot_hold_two_slots_at_a_time(house: House) -> None:
    alice, bob = house.patient(), house.patient()
    first = house.slot(starts_in=timedelta(days=2))
    second = house.slot(starts_in=timedelta(days=2, minutes=29))
    after = house.slot(starts_in=timedelta(days=2, minutes=30))
    house.hold(first, alice)

    with pytest.raises(SlotUnavailable):
        house.hold(second, alice)

    assert house.document(second)["status"] == "active"
    assert house.hold(second, bob)
    assert house.hold(after, alice)


def test_nor_hold_a_slot_at_the_time_of_a_booking_but_of_one_it_replaces(house: House) -> None:
    alice = house.patient()
    booking = house.book(house.slot(starts_in=timedelta(days=2)), alice)
    second = house.slot(starts_in=timedelta(days=2, minutes=15))

    with pytest.raises(SlotUnavailable):
        house.hold(second, alice)

    assert house.hold(second, alice, replaces=booking.id)


def test_a_cancelled_booking_s_time_is_free_for_its_patient(house: House) -> None:
    alice = house.patient()
    booking = house.book(house.slot(starts_in=timedelta(days=2)), alice)
    house.cancel(booking.id, patient(alice))

    assert house.hold(house.slot(starts_in=timedelta(days=2, minutes=15)), alice)


def test_two_at_a_time_are_allowed_where_the_setting_says_so(house: House) -> None:
    house = house.with_policy(forbid_overlaps=False)
    alice = house.patient()
    house.hold(house.slot(), alice)

    assert house.hold(house.slot(), alice)


# --- what two reviews found -----------------------------------------------------------------------


def test_a_booking_not_yet_recorded_still_keeps_its_patient_s_time(house: House) -> None:
    alice = house.patient()
    attempt = house.hold(house.slot(starts_in=timedelta(days=2)), alice)

    class Dead(type(house.ledger)):  # type: ignore[misc]  # the real ledger, but for recording
        def record(self, **_: Any) -> None:
            raise Unavailable

    alive, house.ledger = house.ledger, Dead(house.database)
    with pytest.raises(Unavailable):
        house.verify(attempt, alice)
    house.ledger = alive

    with pytest.raises(SlotUnavailable):
        house.hold(house.slot(starts_in=timedelta(days=2, minutes=10)), alice)


def test_a_slot_whose_earlier_end_is_not_recorded_can_replace_a_booking(house: House) -> None:
    doctor, alice, bob = house.doctor(), house.patient(), house.patient()
    wanted = house.slot(doctor, starts_in=timedelta(days=3))
    _die_after_deciding(house, "cancel", house.book(wanted, bob), bob)
    old = house.book(house.slot(doctor), alice)

    new = house.book(wanted, alice, replaces=old.id)

    assert new.replaces == old.id
    assert sorted(b["status"] for b in house.bookings(slotId=wanted)) == ["cancelled", "confirmed"]


def test_a_cancel_tells_what_was_not_told_of_the_booking_before(house: House) -> None:
    alice = house.patient()
    booking = house.book(house.slot(), alice)
    house.database["outbox"].delete_many({})  # as if verify had died before it

    house.cancel(booking.id, patient(alice))
    house.relay()

    told = [event.type for event in house.queue.events]
    assert told == ["booking.confirmed", "booking.cancelled"]


def test_pages_of_both_doctors_are_forgotten_when_a_booking_moves(house: House) -> None:
    alice = house.patient()
    old = house.book(house.slot(), alice)
    key = house.keys.slot_pages(old.doctor_id)
    attempt = house.hold(house.slot(starts_in=timedelta(days=4)), alice, replaces=old.id)
    before = house.redis.hget(key, "g")

    house.verify(attempt, alice)

    assert house.redis.hget(key, "g") != before


def test_only_the_version_that_was_cancelled_or_is_there_matches_afterwards(house: House) -> None:
    alice = house.patient()
    booking = house.book(house.slot(), alice)
    done = house.cancel(booking.id, patient(alice))

    for version in (1, 2):
        assert house.cancel(booking.id, patient(alice), expected=frozenset({version})) == done
    for expected in (frozenset({99}), frozenset[int]()):
        with pytest.raises(PreconditionFailed):
            house.cancel(booking.id, patient(alice), expected=expected)


def test_a_cancel_whose_slot_was_removed_meanwhile_answers_the_booking(house: House) -> None:
    alice = house.patient()
    booking = house.book(house.slot(), alice)
    house.cancel(booking.id, patient(alice))
    house.sweep()
    house.database[SLOTS].delete_one({"_id": booking.slot_id})

    class Stale(type(house.ledger)):  # type: ignore[misc]  # the first read is of before the cancel
        reads = 0

        def booking(self, booking_id: str) -> Booking | None:
            Stale.reads += 1
            return booking if Stale.reads == 1 else super().booking(booking_id)

    house.ledger = Stale(house.database)

    assert house.cancel(booking.id, patient(alice)).status is BookingStatus.CANCELLED
