"""Who sends a request, and whether they may ask again so soon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slotkeeper.domain.errors import AppointmentError, RateLimited, Unavailable
from slotkeeper.domain.limits import RateLimit, RateLimits, customer_of
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.user import Caller
    from slotkeeper.ports.people import Tokens
    from slotkeeper.ports.requests import Allowance, RateLimiter

ADDRESS = "ip"
"""The route part of an address's bucket: one for all routes."""


class Arrival(Value, kw_only=True):
    """A request as it is known before it is let in; `source_ip` is the gateway's word for it."""

    method: str
    route: str
    source_ip: str
    authorization: str | None


class Verdict(Value, kw_only=True):
    """Who calls, or why the request is refused; `allowance` is of the bucket asked last, if any."""

    caller: Caller | None = None
    refusal: AppointmentError | None = None
    allowance: Allowance | None = None


def authorize(
    *, arrival: Arrival, limits: RateLimits, limiter: RateLimiter, tokens: Tokens
) -> Verdict:
    """Ask the address's bucket, then the token, then the bucket of user and route.

    In this order: a flood from one address costs no signature to be checked. Where the limiter
    does not answer the request is let through: limits keep nobody's booking safe.
    """
    address = customer_of(arrival.source_ip)
    of_address = _take(limiter, limits.of_address(), ADDRESS, address)
    if of_address is not None and not of_address.is_allowed:
        return _too_many(of_address)
    try:
        caller = tokens.caller(arrival.authorization)
    except AppointmentError as refusal:
        return Verdict(refusal=refusal, allowance=of_address)
    route = f"{arrival.method} {arrival.route}"
    of_user = _take(limiter, limits.of_user(arrival.method), route, caller.user_id)
    if of_user is not None and not of_user.is_allowed:
        return _too_many(of_user)
    return Verdict(caller=caller, allowance=of_user or of_address)


def _take(limiter: RateLimiter, limit: RateLimit | None, route: str, who: str) -> Allowance | None:
    if limit is None:
        return None
    try:
        return limiter.take(limit, route=route, who=who)
    except Unavailable:
        return None


def _too_many(allowance: Allowance) -> Verdict:
    refusal = RateLimited(retry_after_seconds=allowance.reset_seconds)
    return Verdict(refusal=refusal, allowance=allowance)
