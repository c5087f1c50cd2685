"""People who use the deployed stack (tests/support/deployed.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from local.api import Patient
from slotkeeper.adapters.redis.client import connect
from tests.support.deployed import NewPatient


@pytest.fixture
def alice(new_patient: NewPatient) -> Patient:
    return new_patient()


@pytest.fixture
def bob(new_patient: NewPatient) -> Patient:
    return new_patient()


@pytest.fixture(scope="session")
def deployed_redis(stack: dict[str, Any]) -> Iterator[Redis]:
    with connect(stack["redis_url"], stack["redis_mode"]) as client:
        yield client
