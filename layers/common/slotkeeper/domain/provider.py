"""Who carries messages to people, which of them are in use, and when one is left alone."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from slotkeeper.value import Value

SNS, EUM, SES = "sns", "eum", "ses"
BY_SMS = (SNS, EUM)
"""Amazon SNS, and AWS End User Messaging. The only way to an email address is `SES`."""
NO_SMS = "none"


class State(StrEnum):
    """Of a provider's breaker."""

    CLOSED = "closed"
    OPEN = "open"
    """It kept failing, and is not asked."""
    HALF_OPEN = "half_open"
    """It rested, and one message tries it."""


class BreakerRules(Value, kw_only=True):
    """A provider that fails `failures` of its last `remembered` messages, and at least half, rests.

    What is older than `window` counts no more: of many messages a few failures are nothing, of
    few they are soon noticed. After `rest` one message tries it, for `trial` at most.
    """

    failures: int = 5
    remembered: int = 20
    window: timedelta = timedelta(minutes=5)
    rest: timedelta = timedelta(seconds=30)
    trial: timedelta = timedelta(seconds=10)


class SmsChoice(Value, kw_only=True):
    """By which providers SMS go, in order (none: switched off), and whether email stands in."""

    providers: tuple[str, ...]
    falls_back: bool


def sms_providers(text: str) -> tuple[str, ...]:
    """The providers that a setting or a switch names: `sns`, `eum,sns`, `none`.

    Raises:
        ValueError: not ours, or one twice.
    """
    if text == NO_SMS:
        return ()
    named = tuple(text.split(","))
    if len(set(named)) < len(named) or not set(named) <= set(BY_SMS):
        raise ValueError(f"not {NO_SMS}, nor some of {', '.join(BY_SMS)}, each once")
    return named


def names_of(providers: tuple[str, ...]) -> str:
    """The same as text."""
    return ",".join(providers) or NO_SMS
