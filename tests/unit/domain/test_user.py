from __future__ import annotations

import pytest

from slotkeeper.domain.errors import InvalidRequest
from slotkeeper.domain.user import Channel, User, masked

SMS, EMAIL = Channel.SMS, Channel.EMAIL


def user(*, phone: bool = True, email: bool = True, prefers: Channel | None = None) -> User:
    return User(
        id="alice",
        phone="+15550100" if phone else None,
        email="alice@example.org" if email else None,
        preferred_channel=prefers,
    )


@pytest.mark.parametrize("wanted", [SMS, EMAIL])
def test_wanted_channel_wins_over_the_preferred(wanted: Channel) -> None:
    other = EMAIL if wanted is SMS else SMS

    assert user(prefers=other).channel_for_code(wanted) is wanted


def test_preferred_channel_is_used_where_none_is_wanted() -> None:
    assert user(prefers=EMAIL).channel_for_code(None) is EMAIL


def test_sms_is_used_where_nothing_is_wanted_or_preferred() -> None:
    assert user().channel_for_code(None) is SMS


def test_email_is_used_where_there_is_no_phone() -> None:
    assert user(phone=False).channel_for_code(None) is EMAIL


def test_preferred_channel_without_an_address_gives_way_to_the_other() -> None:
    assert user(phone=False, prefers=SMS).channel_for_code(None) is EMAIL


@pytest.mark.parametrize(
    ("patient", "wanted"),
    [
        (user(phone=False), SMS),
        (user(email=False), EMAIL),
        (user(phone=False, email=False), None),
        (User(id="alice", phone="", email=""), None),
    ],
)
def test_no_address_on_the_channel_is_an_invalid_request(
    patient: User, wanted: Channel | None
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        patient.channel_for_code(wanted)

    assert [field for field, _ in refused.value.errors] == ["channel"]


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+15550100", "+1*****00"), ("+1234567890123", "+1**********23")],
)
def test_phone_number_shows_its_ends_only(number: str, shown: str) -> None:
    assert masked(SMS, number) == shown


def test_email_shows_its_first_letter_and_host_only() -> None:
    assert masked(EMAIL, "alice.liddell@example.org") == "a***@example.org"


@pytest.mark.parametrize("address", ["a@example.org", "abcdef@example.org"])
def test_masked_email_does_not_tell_how_long_the_name_is(address: str) -> None:
    assert masked(EMAIL, address) == "a***@example.org"
