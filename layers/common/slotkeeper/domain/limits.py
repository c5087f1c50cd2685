"""How often anybody may ask, and who counts as one."""

from __future__ import annotations

import ipaddress

from slotkeeper.value import Value

READS = frozenset({"GET", "HEAD"})
_V6_CUSTOMER = 64
"""One customer has all addresses of such a prefix: more than could be counted one by one."""


class RateLimit(Value, kw_only=True):
    """`requests` at once; used up, so many come back in `seconds`, one after the other."""

    name: str
    requests: int
    seconds: int = 60


class RateLimits(Value, kw_only=True):
    """Requests a minute: of one address, and of one user on one route. 0 is no limit."""

    ip: int = 600
    reads: int = 240
    writes: int = 60

    def of_address(self) -> RateLimit | None:
        return _limit("ip", self.ip)

    def of_user(self, method: str) -> RateLimit | None:
        if method in READS:
            return _limit("reads", self.reads)
        return _limit("writes", self.writes)


EXPORTS = RateLimit(name="exports", requests=60, seconds=600)
"""Pages of one's own data: each costs as much as many other reads."""
ERASURES = RateLimit(name="erasures", requests=10, seconds=600)


def _limit(name: str, requests: int) -> RateLimit | None:
    return RateLimit(name=name, requests=requests) if requests else None


def customer_of(source_ip: str) -> str:
    """Whose address it is, as far as it tells: an IPv4 address, or an IPv6 /64.

    What is no address at all counts as one customer, so nobody escapes by having none.
    """
    try:
        address = ipaddress.ip_address(source_ip)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(address), _V6_CUSTOMER), strict=False))
    return str(address)
