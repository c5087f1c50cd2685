from __future__ import annotations

from datetime import timedelta

from slotkeeper.domain.policy import BookingPolicy


def test_policy_is_the_contracts_unless_set_otherwise() -> None:
    policy = BookingPolicy()

    assert policy.hold == timedelta(minutes=5)
    assert policy.code_lifetime == timedelta(minutes=5)
    assert policy.max_tries == 5
    assert policy.max_resends == 3
    assert policy.max_live_holds == 3


def test_sends_are_the_first_code_and_its_resends() -> None:
    assert BookingPolicy(max_resends=0).max_sends == 1
    assert BookingPolicy(max_resends=3).max_sends == 4


def test_calls_that_redis_lets_through_are_more_than_the_tries() -> None:
    policy = BookingPolicy()

    assert policy.max_calls > policy.max_tries
