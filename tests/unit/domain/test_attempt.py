from __future__ import annotations

import re

import pytest

from slotkeeper.domain.attempt import attempt_id, booking_id, is_attempt_of, request_key

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
KEY = "0123456789abcdef"
SLOT = "doc_20990101T0900Z"


def test_same_caller_and_key_make_the_same_attempt() -> None:
    assert attempt_id("alice", KEY, SLOT) == attempt_id("alice", KEY, SLOT)


def test_other_key_makes_another_attempt() -> None:
    assert attempt_id("alice", KEY, SLOT) != attempt_id("alice", KEY + "0", SLOT)


def test_other_caller_with_the_same_key_makes_another_attempt() -> None:
    assert attempt_id("alice", KEY, SLOT) != attempt_id("bob", KEY, SLOT)


def test_another_slot_makes_another_attempt() -> None:
    assert attempt_id("alice", KEY, SLOT) != attempt_id("alice", KEY, "doc_20990101T0930Z")


def test_a_request_is_known_by_caller_and_key_alone() -> None:
    assert request_key("alice", KEY) == request_key("alice", KEY)
    assert len({request_key("alice", KEY), request_key("bob", KEY), request_key("alice", "x")}) == 3


def test_where_caller_ends_and_key_begins_cannot_be_shifted() -> None:
    assert attempt_id("alice1", KEY, SLOT) != attempt_id("alice", "1" + KEY, SLOT)


@pytest.mark.parametrize("user", ["alice", "auth0|123", "名前", "x" * 500])
def test_ids_are_safe_in_a_path_whatever_the_caller_is_called(user: str) -> None:
    attempt = attempt_id(user, KEY, SLOT)

    assert ID.fullmatch(attempt)
    assert ID.fullmatch(booking_id(attempt))


def test_attempt_belongs_to_the_caller_who_made_it() -> None:
    attempt = attempt_id("alice", KEY, SLOT)

    assert is_attempt_of(attempt, "alice")
    assert not is_attempt_of(attempt, "bob")


@pytest.mark.parametrize("nonsense", ["", "at_", "bk_1", "alice"])
def test_what_is_no_attempt_belongs_to_nobody(nonsense: str) -> None:
    assert not is_attempt_of(nonsense, "alice")


def test_booking_of_an_attempt_is_always_the_same() -> None:
    attempt = attempt_id("alice", KEY, SLOT)

    assert booking_id(attempt) == booking_id(attempt)
    assert booking_id(attempt) != attempt


def test_other_attempt_becomes_another_booking() -> None:
    bookings = {booking_id(attempt_id(user, KEY, SLOT)) for user in ("alice", "bob", "carol")}

    assert len(bookings) == 3
