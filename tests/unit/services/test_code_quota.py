from __future__ import annotations

import pytest

from slotkeeper.domain.errors import RateLimited, Unavailable
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.domain.user import Channel
from slotkeeper.ports.people import CodesToday
from slotkeeper.services.code_quota import counted, ensure_codes_left
from tests.support.fakes import FakeQuota, a_user

POLICY = BookingPolicy(max_codes_per_user=5, max_codes_per_phone=3)
PHONE = "+15550100"


@pytest.mark.parametrize(
    ("of_user", "of_phone", "channel"),
    [
        (0, 0, Channel.SMS),
        (4, 2, Channel.SMS),
        (4, 3, Channel.EMAIL),  # the number is not used
    ],
)
def test_code_may_be_asked_for_while_one_is_left(
    of_user: int, of_phone: int, channel: Channel
) -> None:
    ensure_codes_left(CodesToday(of_user=of_user, of_phone=of_phone), channel, POLICY)


@pytest.mark.parametrize(
    ("of_user", "of_phone", "channel"),
    [(5, 0, Channel.SMS), (5, 0, Channel.EMAIL), (9, 9, Channel.SMS), (0, 3, Channel.SMS)],
)
def test_no_code_may_be_asked_for_until_the_day_is_over(
    of_user: int, of_phone: int, channel: Channel
) -> None:
    today = CodesToday(of_user=of_user, of_phone=of_phone, day_ends_in=3_600)

    with pytest.raises(RateLimited) as refused:
        ensure_codes_left(today, channel, POLICY)

    assert refused.value.retry_after_seconds == 3_600
    assert refused.value.detail == "No more codes today."


def test_sms_counts_for_the_user_and_the_number() -> None:
    quota = FakeQuota()

    with counted(quota, a_user(), Channel.SMS):
        pass

    assert quota.taken == {"alice": 1, PHONE: 1}


def test_email_counts_for_the_user_alone() -> None:
    quota = FakeQuota()

    with counted(quota, a_user(), Channel.EMAIL):
        pass

    assert quota.taken == {"alice": 1}


def test_code_that_could_not_be_sent_is_given_back() -> None:
    quota = FakeQuota()

    with pytest.raises(Unavailable), counted(quota, a_user(), Channel.SMS):
        raise Unavailable

    assert quota.taken == {"alice": 0, PHONE: 0}


def test_code_beyond_the_quota_is_not_sent() -> None:
    quota = FakeQuota(left=0)
    sent = []

    with pytest.raises(RateLimited), counted(quota, a_user(), Channel.SMS):
        sent.append("code")

    assert sent == []
    assert quota.calls == ["take"]


def test_failure_to_give_back_does_not_hide_why_nothing_was_sent() -> None:
    quota = FakeQuota()
    quota.down.add("give_back")

    with pytest.raises(Unavailable), counted(quota, a_user(), Channel.SMS):
        raise Unavailable
