"""From the code to the booking, on real stores."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from slotkeeper.domain.attempt import booking_id
from slotkeeper.domain.errors import HoldExpired, NotFound, OtpInvalid, OtpLocked, Unavailable
from tests.support.house import House


def test_the_right_code_books_the_slot(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)

    confirmation = house.verify(attempt, alice)

    assert confirmation.is_new
    [booking] = house.bookings()
    assert booking["_id"] == confirmation.booking.id == booking_id(attempt)
    assert booking["status"] == "confirmed"
    document = house.document(slot)
    assert document["status"] == "booked"
    assert document["bookingId"] == booking["_id"]
    assert "hold" not in document


def test_a_confirmation_has_one_event_and_one_audit_entry_when_it_is_answered(
    house: House,
) -> None:
    slot, alice = house.slot(), house.patient()

    confirmation = house.verify(house.hold(slot, alice), alice)

    [event], [entry] = house.events(), house.audit()
    assert event["type"] == entry["type"] == "booking.confirmed"
    assert event["_id"] == entry["_id"] == f"{slot}-{house.document(slot)['version']}"
    assert event["bookingId"] == confirmation.booking.id
    assert (entry["from"], entry["to"], entry["actor"]) == ("reserved", "booked", alice)
    assert house.waker.woken == 1


def test_a_confirmation_leaves_no_lock_seed_or_place(house: House) -> None:
    slot, alice = house.slot(), house.patient()

    attempt = house.hold(slot, alice)
    house.verify(attempt, alice)

    assert house.redis_keys() == ["booking:attempt:"]


def test_the_same_call_again_answers_the_same_booking(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    code = house.code(attempt, alice)
    first = house.verify(attempt, alice, code)

    again = house.verify(attempt, alice, code)

    assert not again.is_new
    assert again.booking == first.booking
    assert len(house.events()) == len(house.audit()) == 1


def test_a_wrong_code_is_counted_and_told(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)

    with pytest.raises(OtpInvalid) as refused:
        house.verify(attempt, alice, house.wrong_code(attempt, alice))

    assert refused.value.attempts_remaining == 4
    assert house.document(slot)["hold"]["otp"]["tries"] == 1
    assert house.bookings() == []


def test_after_five_wrong_codes_not_even_the_right_one_helps(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    left = [_guess(house, attempt, alice) for _ in range(5)]

    with pytest.raises(OtpLocked) as refused:
        house.verify(attempt, alice)

    assert left == [4, 3, 2, 1, 0]
    assert refused.value.retry_after_seconds == 300
    assert house.document(slot)["status"] == "reserved"


def test_losing_redis_gives_no_try_back(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    for _ in range(5):
        _guess(house, attempt, alice)
    house.lose_redis()

    with pytest.raises(OtpLocked):
        house.verify(attempt, alice, "123456")
    with pytest.raises(OtpLocked):
        house.resend(attempt, alice)


def test_a_resend_gives_no_try_back(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    for _ in range(3):
        _guess(house, attempt, alice)
    house.resend(attempt, alice)

    assert _guess(house, attempt, alice) == 1


def test_a_patient_s_wrong_codes_are_counted_across_attempts(house: House) -> None:
    house = house.with_policy(max_failures_per_user=2)
    doctor, alice = house.doctor(), house.patient()
    first = house.hold(house.slot(doctor), alice)
    second = house.hold(house.slot(doctor, starts_in=timedelta(days=3)), alice)
    _guess(house, first, alice)
    _guess(house, first, alice)

    with pytest.raises(OtpLocked) as refused:
        house.verify(second, alice)

    assert refused.value.retry_after_seconds == 3600


def test_the_code_of_another_attempt_does_not_fit(house: House) -> None:
    doctor, alice = house.doctor(), house.patient()
    first = house.hold(house.slot(doctor), alice)
    second = house.hold(house.slot(doctor, starts_in=timedelta(days=3)), alice)

    with pytest.raises(OtpInvalid):
        house.verify(first, alice, house.code(second, alice))


def test_another_patient_s_attempt_is_not_found(house: House) -> None:
    slot, alice, bob = house.slot(), house.patient(), house.patient()
    attempt = house.hold(slot, alice)

    with pytest.raises(NotFound):
        house.verify(attempt, bob, house.code(attempt, alice))


def test_a_hold_past_its_end_is_not_confirmed_whatever_redis_says(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    house.end_hold(slot)

    with pytest.raises(HoldExpired):
        house.verify(attempt, alice)

    assert house.bookings() == []
    assert house.document(slot)["status"] == "reserved"


def test_a_code_past_its_time_is_refused_though_the_hold_lives(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    house.database["slots"].update_one(
        {"_id": slot}, {"$set": {"hold.otp.expiresAt": datetime.now(UTC)}}
    )

    with pytest.raises(OtpInvalid):
        house.verify(attempt, alice)


def test_an_attempt_whose_slot_went_to_another_patient_is_over(house: House) -> None:
    slot, alice, bob = house.slot(), house.patient(), house.patient()
    attempt = house.hold(slot, alice)
    code = house.code(attempt, alice)
    house.end_hold(slot)
    house.redis.delete(house.keys.lock(slot))
    house.hold(slot, bob)

    with pytest.raises(HoldExpired):
        house.verify(attempt, alice, code)


def test_a_slot_changed_since_the_hold_is_not_confirmed(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    house.database["slots"].update_one({"_id": slot}, {"$inc": {"version": 1}})

    with pytest.raises((HoldExpired, OtpInvalid)):
        house.verify(attempt, alice)

    assert house.bookings() == []


def test_a_stolen_lock_neither_books_nor_keeps_from_booking(house: House) -> None:
    slot, alice, bob = house.slot(), house.patient(), house.patient()
    attempt = house.hold(slot, alice)
    house.redis.set(house.keys.lock(slot), house.ticket(slot, bob).attempt_id)

    house.verify(attempt, alice)

    assert len(house.bookings(status="confirmed")) == 1


def test_losing_redis_costs_a_new_code_and_nothing_else(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    old = house.code(attempt, alice)
    house.lose_redis()

    with pytest.raises(OtpInvalid):
        house.verify(attempt, alice, old)
    house.resend(attempt, alice)
    confirmation = house.verify(attempt, alice)

    assert confirmation.is_new


def test_a_function_that_dies_after_the_decision_is_completed_by_the_retry(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    code = house.code(attempt, alice)
    _decide_and_die(house, slot, attempt, alice)

    confirmation = house.verify(attempt, alice, code)

    assert [b["_id"] for b in house.bookings()] == [confirmation.booking.id]
    assert len(house.events()) == len(house.audit()) == 1


def test_a_function_that_dies_after_the_decision_is_completed_by_the_sweep(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    _decide_and_die(house, slot, attempt, alice)
    house.lose_redis()

    house.sweep()

    assert [b["_id"] for b in house.bookings()] == [booking_id(attempt)]
    assert len(house.events()) == len(house.audit()) == 1
    assert "pendingEvents" not in house.document(slot)
    assert not house.verify(attempt, alice, "000000").is_new


def test_the_retry_finds_a_decision_whose_seed_is_gone(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    _decide_and_die(house, slot, attempt, alice)
    house.lose_redis()

    confirmation = house.verify(attempt, alice, "000000")

    assert confirmation.booking.id == booking_id(attempt)


def test_an_unknown_attempt_of_one_s_own_is_over(house: House) -> None:
    alice = house.patient()
    attempt = house.ticket("dr_x", alice).attempt_id

    with pytest.raises(HoldExpired):
        house.verify(attempt, alice, "123456")


def test_a_released_attempt_is_over_and_its_slot_free(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    house.release(attempt, alice)

    with pytest.raises(HoldExpired):
        house.verify(attempt, alice, "123456")
    with pytest.raises(HoldExpired):
        house.release(attempt, alice)

    assert house.document(slot)["status"] == "active"
    assert house.redis_keys() == ["booking:attempt:"]
    assert [event["type"] for event in house.events()] == ["hold.released"]


def test_another_patient_s_hold_cannot_be_released(house: House) -> None:
    slot, alice, bob = house.slot(), house.patient(), house.patient()
    attempt = house.hold(slot, alice)

    with pytest.raises(NotFound):
        house.release(attempt, bob)

    assert house.document(slot)["hold"]["attemptId"] == attempt


def test_a_resend_makes_a_new_code_and_kills_the_old_one(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    old = house.code(attempt, alice)

    house.resend(attempt, alice)

    new = house.code(attempt, alice)
    assert house.document(slot)["hold"]["otp"]["sends"] == 2
    assert [job.send_number for job in house.queue.codes] == [1, 2]
    if new != old:
        with pytest.raises(OtpInvalid):
            house.verify(attempt, alice, old)
    assert house.verify(attempt, alice, new).is_new


def test_codes_are_sent_again_three_times_at_most_even_if_redis_is_lost(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    for _ in range(3):
        house.resend(attempt, alice)
        house.lose_redis()

    with pytest.raises(Exception, match="No more codes") as refused:
        house.resend(attempt, alice)

    assert getattr(refused.value, "code", None) == "rate_limited"


def test_the_same_resend_sent_again_is_not_counted_again(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)

    first = house.resend(attempt, alice, "mine")
    again = house.resend(attempt, alice, "mine")

    assert again == first
    assert house.document(slot)["hold"]["otp"]["sends"] == 2
    assert house.verify(attempt, alice).is_new


def test_a_resend_that_was_undone_is_counted_when_sent_again(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    house.queue.is_down = True
    with pytest.raises(Unavailable):
        house.resend(attempt, alice, "mine")
    assert house.document(slot)["hold"]["otp"]["sends"] == 1
    house.queue.is_down = False

    house.resend(attempt, alice, "mine")

    assert house.document(slot)["hold"]["otp"]["sends"] == 2


def test_a_resend_too_soon_is_told_when_to_come_back(house: House) -> None:
    house = house.with_policy(resend_wait=timedelta(seconds=30))
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)

    with pytest.raises(Exception, match="wait") as refused:
        house.resend(attempt, alice)

    assert getattr(refused.value, "retry_after_seconds", None) == 30


def test_a_resend_that_cannot_be_queued_leaves_the_old_code_alive(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    old = house.code(attempt, alice)
    house.queue.is_down = True

    with pytest.raises(Unavailable):
        house.resend(attempt, alice)

    assert house.document(slot)["hold"]["otp"]["sends"] == 1
    assert house.verify(attempt, alice, old).is_new


def test_of_two_resends_the_newer_code_stays(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    house.resend(attempt, alice)
    older = house.codes.find(user_id=alice, attempt_id=attempt)
    assert older is not None
    house.resend(attempt, alice)

    house.codes.put(user_id=alice, attempt_id=attempt, record=older, lifetime_ms=60_000, tries=0)
    house.codes.put_back(
        user_id=alice, attempt_id=attempt, record=older, lifetime_ms=60_000, instead_of=2
    )

    newest = house.codes.find(user_id=alice, attempt_id=attempt)
    assert newest is not None
    assert newest.send_number == house.document(slot)["hold"]["otp"]["sends"] == 3
    assert house.verify(attempt, alice).is_new


def test_a_resend_that_was_undone_need_not_be_waited_for(house: House) -> None:
    house = house.with_policy(resend_wait=timedelta(seconds=30))
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    house.database["slots"].update_one(
        {"_id": slot}, {"$set": {"hold.otp.sentAt": datetime.now(UTC) - timedelta(minutes=1)}}
    )
    before = house.document(slot)["hold"]["otp"]
    house.queue.is_down = True
    with pytest.raises(Unavailable):
        house.resend(attempt, alice)

    after = house.document(slot)["hold"]["otp"]
    house.queue.is_down = False
    house.resend(attempt, alice)

    assert {k: after[k] for k in before} == before


def _guess(house: House, attempt: str, user_id: str) -> int:
    """Tries left after a wrong code."""
    with pytest.raises(OtpInvalid) as refused:
        house.verify(attempt, user_id, house.wrong_code(attempt, user_id))
    return refused.value.attempts_remaining


def _decide_and_die(house: House, slot: str, attempt: str, user_id: str) -> None:
    """What a function leaves that is killed right after the slot's update."""
    decision = house.slots.confirm(
        slot,
        attempt_id=attempt,
        user_id=user_id,
        send_number=1,
        booking_id=booking_id(attempt),
        request_id=uuid.uuid4().hex,
    )
    assert decision.made
    assert house.bookings() == []
