from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotkeeper.domain.limits import RateLimit, RateLimits, customer_of


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_is_limited_as_reading(method: str) -> None:
    assert RateLimits().of_user(method) == RateLimit(name="reads", requests=240, seconds=60)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "BREW", "get", ""])
def test_everything_else_is_limited_as_writing(method: str) -> None:
    assert RateLimits().of_user(method) == RateLimit(name="writes", requests=60, seconds=60)


def test_nought_is_no_limit() -> None:
    limits = RateLimits(ip=0, reads=0, writes=0)

    assert limits.of_address() is None
    assert limits.of_user("GET") is None
    assert limits.of_user("POST") is None


def test_ipv4_address_is_a_customer() -> None:
    assert customer_of("203.0.113.7") == "203.0.113.7"


@pytest.mark.parametrize(
    "address",
    ["2001:db8:1:2::1", "2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:0db8:0001:0002:0:0:0:0"],
)
def test_addresses_of_one_ipv6_network_are_one_customer(address: str) -> None:
    assert customer_of(address) == "2001:db8:1:2::/64"


def test_two_ipv6_networks_are_two_customers() -> None:
    assert customer_of("2001:db8:1:2::1") != customer_of("2001:db8:1:3::1")


def test_ipv4_address_written_as_ipv6_is_the_same_customer() -> None:
    assert customer_of("::ffff:203.0.113.7") == "203.0.113.7"


def test_zone_of_an_address_makes_no_other_customer_of_it() -> None:
    assert customer_of("fe80::1%eth0") == customer_of("fe80::1%eth1")


@given(st.text())
def test_what_is_no_address_is_one_customer_whatever_it_says(text: str) -> None:
    assert customer_of(f"x{text}") == "unknown"


@given(
    prefix=st.integers(0x2000 << 48, (0x4000 << 48) - 1),
    one=st.integers(0, 2**64 - 1),
    other=st.integers(0, 2**64 - 1),
)
def test_last_64_bits_of_a_global_address_never_matter(prefix: int, one: int, other: int) -> None:
    first, second = (str(IPv6Address(prefix << 64 | last)) for last in (one, other))

    assert customer_of(first) == customer_of(second)
