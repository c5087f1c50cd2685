"""What bookings cost on AWS: counts and durations that were measured, times stated prices.

MongoDB, Redis, network and SMS are apart: they do not follow from this code. Durations are taken
as if all of them were computing at the share of a processor that the memory buys, which is more
than is billed: most of a function's time it waits for a store.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MILLION = 1_000_000
MEMORY_MB = 512
WHOLE_PROCESSOR_MB = 1_769
SLOWER = WHOLE_PROCESSOR_MB / MEMORY_MB
"""How much longer computing takes there than on a whole processor."""
COLD_SHARE = 0.01
COLD_MS = 600
"""Of a cold start, as it is billed (docs/cost.md)."""
PLATFORM_BYTES = 900
"""Lambda's own lines of an invocation that went well; `SystemLogLevel: WARN` leaves them out."""
ACCESS_BYTES = 480
"""The gateway's line of a request."""
TRIPS_OF_A_MESSAGE = 3
"""Sent, received, deleted."""
_GB = 1e9
_MINUTES_A_MONTH = 30 * 24 * 60
_EMPTY_RECEIVES_A_MONTH = 5 * _MINUTES_A_MONTH * 3
"""Five pollers of Lambda's wait twenty seconds each, all the time."""

Prices = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Use:
    """One function's part in a booking: calls, and of a call its duration and what it logs."""

    calls: float
    ms: float
    log_bytes: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What a booking took, on average; `requests` come from clients, through the gateway."""

    requests: float
    messages: float
    functions: Mapping[str, Use]
    sweeps: Mapping[str, Use]
    """What runs every minute, whether anybody books or not; `calls` of a month."""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Measured:
        def uses(name: str) -> dict[str, Use]:
            return {function: Use(**use) for function, use in told[name].items()}

        return cls(told["requests"], told["messages"], uses("functions"), uses("sweeps"))


def prices(region: str) -> Prices:
    """Raises KeyError: none are stated for the region."""
    text = Path(__file__).with_name("prices.toml").read_text()
    found: Prices = tomllib.loads(text)[region]
    return found


def per_million(measured: Measured, price: Prices) -> dict[str, float]:
    """Dollars for a million bookings, by what they are for."""
    functions = measured.functions
    calls = sum(use.calls for use in functions.values())
    logged = sum(use.calls * use.log_bytes for use in functions.values())
    logged += measured.requests * ACCESS_BYTES
    one = {
        "API Gateway (REST), requests": measured.requests * price["api_request"],
        "Lambda, requests": calls * price["lambda_request"],
        "Lambda, duration": _duration(functions, price),
        "CloudWatch Logs, taken in": logged / _GB * price["log_gb"],
        "CloudWatch Logs, kept a month": logged / _GB * price["log_gb_month"],
        "SQS": measured.messages * TRIPS_OF_A_MESSAGE * price["sqs_request"],
    }
    return {name: dollars * MILLION for name, dollars in one.items()}


def web_acl_per_million(measured: Measured, price: Prices) -> float:
    """Its requests; it may be left out (`WebAcl=false`)."""
    return measured.requests * price["waf_request"] * MILLION


def per_month(
    measured: Measured, price: Prices, *, alarms: int, metrics: int, dashboards: int
) -> dict[str, float]:
    """Dollars a month that a stack costs though nobody books."""
    runs = sum(use.calls for use in measured.sweeps.values())
    logged = sum(use.calls * use.log_bytes for use in measured.sweeps.values())
    return {
        "what runs every minute": runs * price["lambda_request"]
        + _duration(measured.sweeps, price)
        + logged / _GB * (price["log_gb"] + price["log_gb_month"]),
        "Lambda asking an empty queue": _EMPTY_RECEIVES_A_MONTH * price["sqs_request"],
        "keys (3) and secrets (3)": 3 * price["key_month"] + 3 * price["vault_month"],
        "web ACL with 5 rules": price["waf_acl_month"] + 5 * price["waf_rule_month"],
        f"alarms ({alarms})": alarms * price["alarm_month"],
        f"metrics of our own ({metrics})": metrics * price["metric_month"],
        f"dashboards ({dashboards})": dashboards * price["dashboard_month"],
    }


def levers(measured: Measured, price: Prices) -> dict[str, float]:
    """Dollars that each saves of a million bookings, by itself."""
    functions = measured.functions
    calls = sum(use.calls for use in functions.values())
    logs = price["log_gb"] + price["log_gb_month"]
    own = sum(use.calls * use.log_bytes for use in functions.values())
    shares = {
        "an HTTP API ($1.00 a million) instead of REST": measured.requests
        * max(0.0, price["api_request"] - 1.0e-6),
        "Lambda's own lines left out (is done)": calls * PLATFORM_BYTES / _GB * logs,
        "`LogLevel=WARNING`": own / _GB * logs,
        "no log of requests": measured.requests * ACCESS_BYTES / _GB * logs,
        "arm64 (a fifth less a second)": _duration(functions, price) * 0.2,
        "no web ACL": measured.requests * price["waf_request"],
    }
    return {name: dollars * MILLION for name, dollars in shares.items()}


def _duration(uses: Mapping[str, Use], price: Prices) -> float:
    seconds = sum(
        use.calls * (use.ms * SLOWER + COLD_SHARE * COLD_MS) / 1000 for use in uses.values()
    )
    return seconds * MEMORY_MB / 1024 * price["lambda_gb_second"]
