"""A patient is forgotten while they hold, confirm and ask again: nothing of them is left behind."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from slotkeeper.adapters.mongo.documents import USERS
from slotkeeper.domain.errors import AppointmentError, AppointmentsAhead, InvalidRequest
from slotkeeper.ports.personal import Remembered
from slotkeeper.services.erase_person import Erased
from slotkeeper.services.hold_slot import Answer
from tests.concurrency.at_once import at_once
from tests.concurrency.race import rounds
from tests.concurrency.sound import ensure_sound
from tests.support.house import House

HOLDERS = 16
PHONE = "+15550777042"
MASKED = "**42"
MOST_ROUNDS = 60


class ForgetsNoRequests:
    """`PersonalKeys` without its guard: what is remembered is not known to be anybody's."""

    def __init__(self, house: House):
        self._house = house

    def remembered(self, user_id: str) -> Remembered:
        raise NotImplementedError

    def forget(self, user_id: str) -> int:
        self._house.redis.delete(self._house.keys.places(user_id))
        return 1


def play(house: House, kept: Any = None) -> tuple[Counter[str], list[str]]:
    """One round: how everybody fared, and what is left that must not be."""
    house = house.with_policy(max_live_holds=HOLDERS, forbid_overlaps=False)
    alice, doctor = house.patient(phone=PHONE), house.doctor()
    slots = [
        house.slot(doctor, starts_in=timedelta(days=2, hours=number)) for number in range(HOLDERS)
    ]
    holds = [partial(house.answer, house.ticket(slot, alice)) for slot in slots]
    *held, erased = at_once([*holds, partial(house.erase, alice, kept)])
    fared = Counter("held" if isinstance(one, Answer) else type(one).__name__ for one in [*held])
    fared["forgotten" if isinstance(erased, Erased) else type(erased).__name__] += 1
    for slot in slots:
        house.end_hold_if_any(slot)
    house.sweep()
    house.relay()
    return fared, list(left_behind(house, alice, slots))


def left_behind(house: House, alice: str, slots: list[str]) -> Any:
    if house.database[USERS].find_one({"_id": alice}):
        yield "the profile"
    for slot in slots:
        if house.document(slot)["status"] != "active" or "hold" in house.document(slot):
            yield "a hold"
        if house.redis.exists(house.keys.lock(slot)):
            yield "a lock"
    if house.redis.exists(house.keys.places(alice)):
        yield "places"
    for key in house.redis.scan_iter(f"{house.keys.environment}:booking:attempt:*"):
        if MASKED in str(house.redis.hgetall(key)):
            yield "an answer"
    for key in house.redis.scan_iter(f"{house.keys.environment}:otp:user:*"):
        if alice in key:
            yield "what a code is made of"


def test_who_is_forgotten_while_they_hold_leaves_nothing_behind(house: House) -> None:
    seen = Counter[str]()
    for number in range(MOST_ROUNDS):
        fared, left = play(house)
        assert left == []
        assert fared["forgotten"] == 1
        seen += fared
        if number + 1 >= rounds(8) and seen["held"] and seen[InvalidRequest.__name__]:
            break

    # Some came before and some after: the round was a race.
    assert seen["held"]
    assert seen[InvalidRequest.__name__]
    ensure_sound(house)


def test_control_requests_that_are_nobodys_keep_an_answer_with_a_number_in_it(
    house: House,
) -> None:
    for _ in range(MOST_ROUNDS):
        _, left = play(house, ForgetsNoRequests(house))
        if "an answer" in left:
            return
    pytest.fail("never: the race proves nothing")


def test_who_confirms_while_they_are_forgotten_is_booked_or_not_and_all_is_sound(
    house: House,
) -> None:
    seen = Counter[str]()
    for _ in range(rounds(12)):
        alice = house.patient(phone=PHONE)
        slot = house.slot()
        attempt = house.hold(slot, alice)
        code = house.code(attempt, alice)

        confirmed, erased = at_once(
            [partial(house.verify, attempt, alice, code), partial(house.erase, alice)]
        )

        is_booked = not isinstance(confirmed, AppointmentError)
        seen["booked" if is_booked else type(confirmed).__name__] += 1
        has_profile = house.database[USERS].find_one({"_id": alice}) is not None
        assert has_profile == isinstance(erased, AppointmentsAhead)
        assert not has_profile or is_booked
        house.end_hold_if_any(slot)
        house.sweep()
        house.relay()
        assert house.document(slot)["status"] == ("booked" if is_booked else "active")
    ensure_sound(house)
    assert seen.total() == rounds(12)
