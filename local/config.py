"""The settings of a local system: where it keeps its state, and on which ports it listens."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".local"
HOST = "127.0.0.1"
REGION = "us-east-1"
ACCOUNT = "000000000000"
ADMIN = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
}
"""The emulator's root user."""
EMAIL_FROM = "no-reply@slotkeeper.example"
ENVIRONMENT = "local"
STACK = "slotkeeper-local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One local system; two with different `state` and ports run side by side."""

    state: Path
    api_port: int
    mongo_port: int
    redis_port: int
    rules: dict[str, str]
    """Template parameters of the booking rules: shorter here than in production."""
    mongo_test_commands: bool

    @property
    def aws_endpoint(self) -> str:
        return f"http://{HOST}:{self.api_port}"

    @property
    def mongo_uri(self) -> str:
        return f"mongodb://{HOST}:{self.mongo_port}/slotkeeper?replicaSet=rs0"

    @property
    def redis_url(self) -> str:
        return f"redis://{HOST}:{self.redis_port}/0"

    @property
    def runtime(self) -> str:
        """The Lambda runtime that is this interpreter: the emulator runs functions on it."""
        return f"python{sys.version_info.major}.{sys.version_info.minor}"


_RULES = {
    # A person who reads README, the SMS and the answer at leisure still makes it.
    "HoldSeconds": "120",
    "OtpSeconds": "120",
    "OtpResendWaitSeconds": "0",
    # The demo users are shared by everybody who tries things out.
    "OtpMaxFailures": "100",
    "OtpFailureWindowSeconds": "600",
    "OtpDailyPerUser": "1000",
    "OtpDailyPerPhone": "1000",
    # Everybody is 127.0.0.1 here, and a race tried by hand is many requests of one user at once.
    "RateLimitIp": "20000",
    "RateLimitReads": "1200",
    "RateLimitWrites": "300",
}


def from_environment() -> Config:
    """Ports by API_PORT, MONGO_PORT, REDIS_PORT, state by SLOTKEEPER_STATE, rules by name."""
    env = os.environ
    rules = {name: env.get(_variable(name), value) for name, value in _RULES.items()}
    return Config(
        state=Path(env.get("SLOTKEEPER_STATE") or TOOLS).resolve(),
        api_port=int(env.get("API_PORT", "4611")),
        mongo_port=int(env.get("MONGO_PORT", "27117")),
        redis_port=int(env.get("REDIS_PORT", "6479")),
        rules=rules,
        mongo_test_commands=env.get("MONGO_TEST_COMMANDS") == "1",
    )


def _variable(parameter: str) -> str:
    """HoldSeconds -> HOLD_SECONDS."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", parameter).upper()
