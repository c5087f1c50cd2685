"""The functions as Lambda runs them, with settings of their own and no server behind them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from slotkeeper import bootstrap

# Nothing listens on port 9 (discard): a test that got past the entry would fail, not pass by luck.
SETTINGS = {
    "ENVIRONMENT": "local",
    "MONGO_URI": "mongodb://127.0.0.1:9/slotkeeper",
    "REDIS_URL": "redis://127.0.0.1:9",
    "REQUIRE_TLS": "false",
    "NOTIFICATION_QUEUE_URL": "http://127.0.0.1:9/queue",
    "OTP_SECRET_ID": "otp-keys",
    "RELAY_FUNCTION_NAME": "relay",
    "JWT_ISSUER": "https://identity.example.org/pool",
    "JWT_AUDIENCE": "slotkeeper-web",
    "JWKS_URL": "http://127.0.0.1:9/keys",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


def forget_everything() -> None:
    """What bootstrap has made is made anew at its next use."""
    for made in vars(bootstrap).values():
        clear = getattr(made, "cache_clear", None)
        if clear is not None:
            clear()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The settings of one test; `setenv` before the first call changes them."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    forget_everything()
    yield monkeypatch
    forget_everything()
