"""A day's codes on a real MongoDB."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from bench.trips import counted
from slotkeeper.adapters.mongo.documents import QUOTAS, USERS, phone_quota_id, user_quota_id
from slotkeeper.adapters.mongo.people import MongoUsers
from slotkeeper.adapters.mongo.quotas import MongoCodeQuota
from slotkeeper.domain.errors import RateLimited
from slotkeeper.ports.codes import CodeTaken
from slotkeeper.ports.people import CodesToday
from tests.support.house import House

PHONE = "+15550123"


def quota_of(house: House, *, user: int = 3, phone: int = 3) -> MongoCodeQuota:
    policy = replace(house.policy, max_codes_per_user=user, max_codes_per_phone=phone)
    return MongoCodeQuota(house.database, policy)


def counts(house: House) -> dict[str, int]:
    return {row["_id"].partition("/")[0]: row["count"] for row in house.database[QUOTAS].find()}


def yesterday(house: House) -> None:
    """Let what was counted so far have been counted yesterday."""
    house.database[QUOTAS].update_many({}, {"$set": {"day": "2001-01-01"}})


def test_codes_are_counted_up_to_the_cap(house: House) -> None:
    quota = quota_of(house)

    taken = [quota.take(user_id="alice", phone=PHONE) for _ in range(5)]

    assert [code is not None for code in taken] == [True, True, True, False, False]
    assert counts(house) == {"user": 3, "phone": 3}


def test_number_of_many_users_has_one_count(house: House) -> None:
    quota = quota_of(house)

    taken = [quota.take(user_id=f"user-{n}", phone=PHONE) for n in range(4)]

    assert [code is not None for code in taken] == [True, True, True, False]


def test_what_the_number_refuses_is_not_counted_for_the_user(house: House) -> None:
    quota = quota_of(house, phone=1)
    quota.take(user_id="bob", phone=PHONE)

    assert quota.take(user_id="alice", phone=PHONE) is None

    assert house.database[QUOTAS].find_one({"_id": user_quota_id("alice")})["count"] == 0  # type: ignore[index]


def test_code_by_email_counts_for_the_user_alone(house: House) -> None:
    quota_of(house).take(user_id="alice", phone=None)

    assert counts(house) == {"user": 1}


def test_code_given_back_can_be_taken_again(house: House) -> None:
    quota = quota_of(house, user=1, phone=1)
    taken = quota.take(user_id="alice", phone=PHONE)
    assert taken is not None

    quota.give_back(taken)

    assert counts(house) == {"user": 0, "phone": 0}
    assert quota.take(user_id="alice", phone=PHONE) is not None


def test_nothing_is_given_back_to_another_day(house: House) -> None:
    quota = quota_of(house)
    quota.take(user_id="alice", phone=PHONE)

    quota.give_back(CodeTaken(user_id="alice", phone=PHONE, day="2001-01-01"))

    assert counts(house) == {"user": 1, "phone": 1}


def test_next_day_begins_at_nought(house: House) -> None:
    quota = quota_of(house, user=1, phone=1)
    quota.take(user_id="alice", phone=PHONE)
    assert quota.take(user_id="alice", phone=PHONE) is None
    yesterday(house)

    assert quota.take(user_id="alice", phone=PHONE) is not None
    assert counts(house) == {"user": 1, "phone": 1}


def test_losing_redis_gives_no_code_back(house: House) -> None:
    quota = quota_of(house, user=1)
    quota.take(user_id="alice", phone=PHONE)

    house.lose_redis()

    assert quota.take(user_id="alice", phone=PHONE) is None


def test_no_count_tells_a_number(house: House) -> None:
    quota_of(house).take(user_id="alice", phone=PHONE)

    assert [row for row in house.database[QUOTAS].find() if row["_id"].startswith("phone/")]
    assert not [row for row in house.database[QUOTAS].find() if PHONE[1:] in str(row)]


@pytest.mark.parametrize("key", [None, "phone/of another number"])
def test_codes_of_a_number_that_came_without_its_key_are_counted_too(
    house: House, key: str | None
) -> None:
    alice = house.patient(phone=PHONE)
    change = {"$set": {"phoneKey": key}} if key else {"$unset": {"phoneKey": ""}}
    house.database[USERS].update_one({"_id": alice}, change)
    quota_of(house).take(user_id="somebody else", phone=PHONE)

    user, today = house.users.get_for_code(alice)

    assert (user.phone, today.of_phone) == (PHONE, 1)


# --- what whoever asks for a code is told ---------------------------------------------------------


def test_codes_of_today_are_read_with_the_profile(house: House) -> None:
    alice = house.patient(phone=PHONE)
    quota = quota_of(house, phone=9)
    quota.take(user_id=alice, phone=PHONE)
    quota.take(user_id="somebody else", phone=PHONE)
    quota.take(user_id=alice, phone=None)

    user, today = house.users.get_for_code(alice)

    assert user == house.users.get(alice)
    assert (today.of_user, today.of_phone) == (2, 2)


def test_day_ends_at_midnight_utc(house: House) -> None:
    now = datetime.now(UTC)
    _, today = house.users.get_for_code(house.patient())

    ends = now + timedelta(seconds=today.day_ends_in)
    assert 1 <= today.day_ends_in <= 86_400
    assert abs(ends - (ends + timedelta(hours=12)).replace(hour=0, minute=0, second=0)) < timedelta(
        seconds=30
    )


def test_codes_of_yesterday_do_not_count(house: House) -> None:
    alice = house.patient(phone=PHONE)
    quota_of(house).take(user_id=alice, phone=PHONE)
    yesterday(house)

    _, today = house.users.get_for_code(alice)

    assert (today.of_user, today.of_phone) == (0, 0)


@pytest.mark.parametrize("phone", [None, ""])
def test_profile_without_a_number_has_no_numbers_codes(house: House, phone: str | None) -> None:
    alice = house.patient(phone=phone)
    quota_of(house).take(user_id="bob", phone=None)
    quota_of(house).take(user_id="bob", phone=PHONE)

    user, today = house.users.get_for_code(alice)

    assert not user.phone
    assert (today.of_user, today.of_phone) == (0, 0)


def test_somebody_without_a_profile_was_sent_nothing(house: House) -> None:
    user, today = house.users.get_for_code("nobody")

    assert user == house.users.get("nobody")
    assert today == CodesToday()


def test_profile_and_codes_are_one_trip(house: House) -> None:
    alice = house.patient()

    with counted(house.redis) as trips:
        house.users.get_for_code(alice)

    assert trips.of("mongo") == ["aggregate"]


def test_resend_is_refused_when_the_days_codes_are_used_up(house: House) -> None:
    alice = house.patient(phone=PHONE)
    attempt = house.hold(house.slot(), alice)
    capped = house.with_policy(max_codes_per_phone=1)
    quota_of(house).take(user_id="bob", phone=PHONE)

    with pytest.raises(RateLimited, match="No more codes today"):
        capped.resend(attempt, alice)

    assert [job.send_number for job in house.queue.codes] == [1]
    assert house.verify(attempt, alice)


# --- how it is read -------------------------------------------------------------------------------


def test_codes_of_today_are_found_by_index(house: House) -> None:
    alice = house.patient(phone=PHONE)
    house.database[QUOTAS].insert_many(
        {"_id": f"phone/{n}", "day": "2026-01-01", "count": 1, "at": None} for n in range(500)
    )
    quota_of(house).take(user_id=alice, phone=PHONE)
    seen: list[Any] = []

    class Explained:
        def aggregate(self, pipeline: Any) -> list[Any]:
            seen.append(
                house.database.command(
                    "explain",
                    {"aggregate": "users", "pipeline": pipeline, "cursor": {}},
                    verbosity="executionStats",
                )
            )
            return []

    explaining = MongoUsers(house.database)
    explaining._users = Explained()  # type: ignore[assignment]
    explaining.get_for_code(alice)

    text = str(seen[0])
    assert "COLLSCAN" not in text
    assert text.count("'collectionScans': 0") + text.count("'collectionScans': Int64(0)") >= 1
    assert "_id_" in text


def test_every_phone_has_one_document(house: House) -> None:
    assert phone_quota_id(PHONE) == phone_quota_id(PHONE)
    assert phone_quota_id(PHONE) != phone_quota_id(PHONE + "0")
