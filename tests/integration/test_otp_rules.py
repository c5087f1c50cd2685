"""The rules of one-time codes that no single request shows: over attempts, users, days, losses."""

from __future__ import annotations

import subprocess
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from bench.trips import counted
from slotkeeper.adapters.mongo.documents import QUOTAS, user_failures_id
from slotkeeper.domain.errors import (
    AppointmentError,
    HoldExpired,
    NotFound,
    OtpInvalid,
    OtpLocked,
    RateLimited,
)
from slotkeeper.domain.user import Caller, Role, User
from tests.support.house import House
from tests.support.ops_command import run, stores_of
from tests.support.servers import Stores


def fail(house: House, attempt: str, user: str, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises((OtpInvalid, OtpLocked)):
            house.verify(attempt, user, house.wrong_code(attempt, user))


def row(house: House, user: str) -> int:
    found = house.database[QUOTAS].find_one({"_id": user_failures_id(user)})
    return found["inARow"] if found else 0


def a_hold(house: House, user: str, *, days: float = 2) -> str:
    return house.hold(house.slot(starts_in=timedelta(days=days)), user)


# --- failures over all attempts -------------------------------------------------------------------


def test_wrong_codes_are_counted_over_all_attempts_whatever_becomes_of_redis(house: House) -> None:
    house = house.with_policy(max_failures_per_user=6)
    alice = house.patient()
    fail(house, a_hold(house, alice), alice, 3)
    house.lose_redis()
    fail(house, a_hold(house, alice, days=3), alice, 3)
    house.lose_redis()

    with pytest.raises(OtpLocked) as refused:
        a_hold(house, alice, days=4)

    assert refused.value.retry_after_seconds is not None
    assert 3_500 < refused.value.retry_after_seconds <= 3_600
    assert house.database["slots"].count_documents({"status": "reserved"}) == 2
    assert len(house.queue.codes) == 2


def test_lost_redis_gets_no_new_code_for_whom_too_many_were_wrong(house: House) -> None:
    house = house.with_policy(max_failures_per_user=4)
    alice = house.patient()
    attempt = a_hold(house, alice)
    fail(house, attempt, alice, 4)
    house.lose_redis()

    with pytest.raises(OtpLocked):
        house.resend(attempt, alice)

    with pytest.raises(OtpInvalid):  # nothing is there to compare with
        house.verify(attempt, alice, "123456")


def test_window_over_lets_a_patient_try_again(house: House) -> None:
    house = house.with_policy(max_failures_per_user=2)
    alice = house.patient()
    fail(house, a_hold(house, alice), alice, 2)
    house.lose_redis()
    house.database[QUOTAS].update_one(
        {"_id": user_failures_id(alice)}, {"$set": {"windowEndsAt": datetime.now(UTC)}}
    )

    second = a_hold(house, alice, days=3)

    fail(house, second, alice)
    assert row(house, alice) == 3
    found = house.database[QUOTAS].find_one({"_id": user_failures_id(alice)})
    assert found is not None
    assert found["inWindow"] == 1


def test_right_code_ends_the_row_in_both_stores(house: House) -> None:
    house = house.with_policy(max_failures_per_user=4)
    alice = house.patient()
    first = a_hold(house, alice)
    fail(house, first, alice, 3)
    house.verify(first, alice)

    second = a_hold(house, alice, days=3)
    fail(house, second, alice, 3)

    assert row(house, alice) == 3
    assert house.verify(second, alice).is_new
    assert row(house, alice) == 0
    assert house.redis.get(house.keys.failures(alice)) is None


def test_row_ends_though_the_function_died_before_it_could_say_so(house: House) -> None:
    alice = house.patient()
    slot = house.slot()
    attempt = house.hold(slot, alice)
    fail(house, attempt, alice)
    house.slots.confirm(
        slot,
        attempt_id=attempt,
        user_id=alice,
        send_number=1,
        booking_id="bk_" + attempt.removeprefix("at_"),
        request_id=uuid.uuid4().hex,
    )

    house.sweep()

    assert row(house, alice) == 0


def test_wrong_codes_after_a_booking_are_not_forgotten_when_it_is_told_again(house: House) -> None:
    alice = house.patient()
    booking = house.book(house.slot(), alice)
    fail(house, a_hold(house, alice, days=3), alice, 2)

    house.sweep()
    house.cancel(booking.id, Caller(user_id=alice, role=Role.PATIENT))
    house.sweep()

    assert row(house, alice) == 2


def test_row_without_end_is_for_an_operator(house: House, stores: Stores) -> None:
    """NIST SP 800-63B: no more than a hundred in a row, however slowly."""
    house = house.with_policy(max_failures_in_a_row=3)
    alice = house.patient()
    first = a_hold(house, alice)
    fail(house, first, alice, 3)
    house.release(first, alice)
    house.database[QUOTAS].update_one(
        {"_id": user_failures_id(alice)}, {"$set": {"windowEndsAt": datetime.now(UTC)}}
    )

    with pytest.raises(OtpLocked, match="Ask the clinic"):
        a_hold(house, alice)
    done = unlock(house, stores, alice)
    assert (done.returncode, done.stdout.strip()) == (0, "unlocked")
    attempt = a_hold(house, alice)

    assert house.verify(attempt, alice).is_new
    assert unlock(house, stores, alice).returncode == 1


def unlock(house: House, stores: Stores, user: str) -> subprocess.CompletedProcess[str]:
    return run("unlock", user, *stores_of(house, stores))


def test_row_is_kept_for_as_long_as_it_takes(house: House) -> None:
    """The quotas' TTL is by `at`, which it does not have."""
    house.failures.count(user_id="alice")

    found = house.database[QUOTAS].find_one({"_id": user_failures_id("alice")})
    assert found is not None
    assert "at" not in found


def test_another_s_attempt_cannot_be_failed(house: House) -> None:
    alice, mallory = house.patient(), house.patient()
    attempt = a_hold(house, alice)

    for guess in range(30):
        with pytest.raises(NotFound):
            house.verify(attempt, mallory, f"{guess:06d}")

    assert (row(house, alice), row(house, mallory)) == (0, 0)
    assert house.verify(attempt, alice).is_new


# --- single use -----------------------------------------------------------------------------------


def test_code_of_a_booking_that_was_cancelled_books_nothing(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    code = house.code(attempt, alice)
    booking = house.verify(attempt, alice, code).booking
    house.cancel(booking.id, Caller(user_id=alice, role=Role.PATIENT))

    again = house.verify(attempt, alice, code)

    assert not again.is_new
    assert again.booking.status == "cancelled"
    assert house.document(slot)["status"] == "active"


def test_code_of_an_attempt_before_does_not_confirm_the_next_of_the_same_slot(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    first = house.hold(slot, alice)
    code = house.code(first, alice)
    house.release(first, alice)
    second = house.hold(slot, alice)

    with pytest.raises(HoldExpired):
        house.verify(first, alice, code)
    if house.code(second, alice) != code:
        with pytest.raises(OtpInvalid):
            house.verify(second, alice, code)


# --- a lost Redis ---------------------------------------------------------------------------------


@pytest.mark.parametrize("spent", range(5))
def test_lost_redis_leaves_as_many_comparisons_as_there_were_tries(
    house: House, spent: int
) -> None:
    alice = house.patient()
    attempt = a_hold(house, alice)
    fail(house, attempt, alice, spent)
    house.lose_redis()
    house.resend(attempt, alice)

    marks = [house.maker.marks(attempt, f"{guess:06d}") for guess in range(10)]
    tried = [house.codes.count_try(user_id=alice, attempt_id=attempt, marks=m) for m in marks]

    assert sum(one.may_compare for one in tried) == house.policy.max_tries - spent


def test_request_sent_again_after_redis_was_lost_has_no_code_to_guess(house: House) -> None:
    """Its seed is new, and only a counted resend may make a code of it."""
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice, "k" * 16)
    house.lose_redis()
    house.hold(slot, alice, "k" * 16)

    with pytest.raises(OtpInvalid):
        house.verify(attempt, alice, "123456")

    found = house.codes.find(user_id=alice, attempt_id=attempt)
    assert found is not None
    assert found.key_id is None
    assert len(house.queue.codes) == 1


# --- resend ---------------------------------------------------------------------------------------


def test_each_resend_is_waited_for_twice_as_long_also_when_redis_is_lost(house: House) -> None:
    house = house.with_policy(resend_wait=timedelta(seconds=30))
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    waits = []

    for _ in range(3):
        with pytest.raises(RateLimited) as refused:
            house.resend(attempt, alice)
        waits.append(refused.value.retry_after_seconds)
        sent_long_ago(house, slot, timedelta(seconds=waits[-1] or 0))
        house.lose_redis()
        house.resend(attempt, alice)

    assert waits == [30, 60, 120]


def test_answer_tells_when_the_next_code_may_be_asked_for(house: House) -> None:
    house = house.with_policy(resend_wait=timedelta(seconds=30))
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    sent_long_ago(house, slot, timedelta(seconds=30))

    sent = house.resend(attempt, alice)

    sent_at = house.document(slot)["hold"]["otp"]["sentAt"]
    assert sent.resend_at - sent_at == timedelta(seconds=60)


def sent_long_ago(house: House, slot: str, ago: timedelta) -> None:
    at = datetime.now(UTC) - ago
    house.database["slots"].update_one({"_id": slot}, {"$set": {"hold.otp.sentAt": at}})


def test_number_that_moves_to_another_user_brings_its_count(house: House) -> None:
    house = house.with_policy(max_codes_per_phone=1)
    alice, bob = house.patient(phone="+15550001"), house.patient(phone="+15550002")
    quota(house, alice, "+15550001")
    house.users.put(User(id=alice, phone="+15550003"))
    house.users.put(User(id=bob, phone="+15550001"))

    with pytest.raises(RateLimited, match="today"):
        a_hold(house, bob)

    assert a_hold(house, alice, days=3)


def test_user_who_changes_numbers_brings_their_own_count(house: House) -> None:
    house = house.with_policy(max_codes_per_user=2)
    alice = house.patient()
    for number in ("+15550001", "+15550002"):
        house.users.put(User(id=alice, phone=number))
        quota(house, alice, number)
    house.users.put(User(id=alice, phone="+15550003"))

    with pytest.raises(RateLimited, match="today"):
        a_hold(house, alice)


def quota(house: House, user: str, phone: str) -> None:
    from slotkeeper.adapters.mongo.quotas import MongoCodeQuota

    assert MongoCodeQuota(house.database, house.policy).take(user_id=user, phone=phone)


# --- no enumeration -------------------------------------------------------------------------------


def told(error: AppointmentError) -> tuple[object, ...]:
    return type(error), error.code, error.detail, error.retry_after_seconds, str(error)


@pytest.mark.one_server("what goes to several nodes at once is several trips")
def test_attempts_of_others_are_all_alike_and_ask_nothing_of_any_store(
    house: House, stores: Stores
) -> None:
    alice, mallory = house.patient(), house.patient()
    live = a_hold(house, alice)
    released = a_hold(house, alice, days=3)
    house.release(released, alice)
    booked = a_hold(house, alice, days=4)
    house.verify(booked, alice)
    never = house.ticket("dr_x_20990105T0900Z", alice).attempt_id
    absent = "at_" + "0" * 48
    answers, trips_made = set(), []

    with stores.connect_redis() as redis:
        counting = House.on(
            stores.database_uri(house.database.name), redis, environment=house.keys.environment
        )
        counting.database.command("ping")
        for attempt in (live, released, booked, never, absent, "at_", "x"):
            for call in (
                lambda attempt=attempt: counting.verify(attempt, mallory, "123456"),
                lambda attempt=attempt: counting.resend(attempt, mallory),
                lambda attempt=attempt: counting.release(attempt, mallory),
            ):
                with counted(counting.redis) as trips, pytest.raises(NotFound) as refused:
                    call()
                answers.add(told(refused.value))
                trips_made += [*trips.of("mongo"), *trips.of("redis")]
        counting.database.client.close()

    assert len(answers) == 1
    assert trips_made == []


def test_own_attempts_that_are_over_are_all_alike(house: House) -> None:
    alice = house.patient()
    lapsed_slot = house.slot()
    lapsed = house.hold(lapsed_slot, alice)
    house.end_hold(lapsed_slot)
    released = a_hold(house, alice, days=3)
    house.release(released, alice)
    never = house.ticket("dr_x_20990105T0900Z", alice).attempt_id

    answers = set()
    for attempt in (lapsed, released, never):
        with pytest.raises(HoldExpired) as refused:
            house.verify(attempt, alice, "123456")
        answers.add(told(refused.value))

    assert len(answers) == 1


@pytest.mark.one_server("what goes to several nodes at once is several trips")
def test_guess_that_is_nearly_right_is_treated_as_one_that_is_not(
    house: House, stores: Stores
) -> None:
    """Same answer and the same calls of the stores, however many digits fit."""
    alice = house.patient()
    attempt = a_hold(house, alice)
    right = house.code(attempt, alice)
    seen = set()

    with stores.connect_redis() as redis:
        counting = House.on(
            stores.database_uri(house.database.name), redis, environment=house.keys.environment
        )
        counting.database.command("ping")
        for fitting in (0, 2, 4, 5):
            wrong = right[:fitting] + "".join(
                str((int(digit) + 1) % 10) for digit in right[fitting:]
            )
            with counted(counting.redis) as trips, pytest.raises(OtpInvalid) as refused:
                counting.verify(attempt, alice, wrong)
            calls = (sorted(trips.of("mongo")), len(trips.of("redis")))
            seen.add((str(refused.value), refused.value.code, str(calls)))
        counting.database.client.close()

    assert len(seen) == 1
