"""Many guesses at once, and many senders: no more is compared, forgotten or settled than may be."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import pytest
from msgspec import structs

from slotkeeper.adapters.code_maker import HotpCodes
from slotkeeper.adapters.mongo.documents import QUOTAS, user_failures_id
from slotkeeper.domain.errors import AppointmentError, OtpInvalid, OtpLocked
from slotkeeper.ports.codes import CodeRecord
from slotkeeper.services.verify_otp import Confirmation
from tests.concurrency import guards
from tests.concurrency.at_once import at_once
from tests.concurrency.race import THREADS
from tests.support.house import House

GUESSES = 100
ROUNDS = 20
"""Within so many a race without its guard is lost; most are in the first."""


@dataclass
class Comparing:
    """`CodeMaker` that counts how often a code was made to be compared."""

    maker: HotpCodes
    compared: int = 0
    counting: threading.Lock = field(default_factory=threading.Lock)

    def key_in_use(self) -> str:
        return self.maker.key_in_use()

    def marks(self, attempt_id: str, guess: str) -> Sequence[str]:
        return self.maker.marks(attempt_id, guess)

    def code(self, record: CodeRecord) -> str:
        with self.counting:
            self.compared += 1
        return self.maker.code(record)


def guesses_at(right: str, *, first: bool) -> list[str]:
    """A hundred different codes, the right one the first or the last of them."""
    wrong = [f"{(int(right) + n) % 1_000_000:06d}" for n in range(1, GUESSES)]
    return [right, *wrong] if first else [*wrong, right]


def a_hundred_at_once(house: House, *, first: bool = False) -> tuple[int, list[object]]:
    """How many of a hundred guesses were compared, and what they were answered."""
    policy = structs.replace(
        house.policy, max_calls=10 * GUESSES, max_failures_per_user=10 * GUESSES
    )
    house = replace(house, policy=policy)  # neither refuses any before it is counted as a guess
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice)
    right = house.code(attempt, alice)
    maker = Comparing(house.maker)
    house = replace(house, maker=maker)  # type: ignore[arg-type]  # a `CodeMaker` as well
    codes = guesses_at(right, first=first)
    results = at_once([partial(house.verify, attempt, alice, code) for code in codes])
    return maker.compared, results


@pytest.mark.parametrize("first", [True, False])
def test_of_a_hundred_guesses_at_once_no_more_than_the_tries_are_compared(
    house: House, first: bool
) -> None:
    compared, results = a_hundred_at_once(house, first=first)

    assert compared <= house.policy.max_tries
    # Once it is booked, whatever code its patient sends is answered with the booking.
    booked = [result for result in results if isinstance(result, Confirmation)]
    told = [result for result in results if isinstance(result, OtpInvalid)]
    assert sum(confirmation.is_new for confirmation in booked) == bool(booked)
    assert len(told) <= house.policy.max_tries
    assert all(isinstance(r, (Confirmation, AppointmentError)) for r in results)
    if not booked:
        assert sum(isinstance(result, OtpLocked) for result in results) == GUESSES - len(told)


@pytest.mark.parametrize("without", [guards.compares_every_guess, guards.counts_guesses_on_a_read])
def test_control_guesses_not_counted_before_they_are_compared_are_compared_too_often(
    house: House, without: guards.Without
) -> None:
    for _ in range(ROUNDS):
        compared, _ = a_hundred_at_once(without(house))
        if compared > house.policy.max_tries:
            return
    raise AssertionError("never lost: the test above proves nothing")


def test_guesses_of_many_attempts_at_once_are_all_counted_against_the_patient(
    house: House,
) -> None:
    at_once([partial(house.failures.count, user_id="alice")] * THREADS)

    stored = house.database[QUOTAS].find_one({"_id": user_failures_id("alice")})
    assert stored is not None
    assert (stored["inARow"], stored["inWindow"]) == (THREADS, THREADS)


def test_control_failures_counted_after_they_were_read_are_too_few(house: House) -> None:
    house.failures.count(user_id="alice")
    without = guards.counts_failures_on_a_read(house)

    for _ in range(ROUNDS):
        at_once([partial(without.failures.count, user_id="alice")] * THREADS)

    stored = house.database[QUOTAS].find_one({"_id": user_failures_id("alice")})
    assert stored is not None
    assert stored["inARow"] < 1 + ROUNDS * THREADS


def settled_by_many(house: House) -> set[str | None]:
    """The keys that senders at once, each with another in use, went by."""
    alice = house.patient()
    attempt = house.hold(house.slot(), alice)
    settle = partial(house.codes.settle_key, user_id=alice, attempt_id=attempt, send_number=1)
    records = at_once([partial(settle, key_id=f"k{n}") for n in range(THREADS)])
    return {record.key_id for record in records}


def test_senders_at_once_go_by_one_key(house: House) -> None:
    for _ in range(ROUNDS):
        assert len(settled_by_many(house)) == 1


def test_control_senders_that_look_before_they_write_go_by_several(house: House) -> None:
    without = guards.settles_keys_on_a_read(house)

    assert any(len(settled_by_many(without)) > 1 for _ in range(ROUNDS))
