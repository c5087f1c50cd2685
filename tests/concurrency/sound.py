"""What is true of every house once its events have been carried away."""

from __future__ import annotations

from datetime import timedelta

from ops.check import check
from tests.concurrency.lost import ensure
from tests.support.house import House


def ensure_sound(house: House) -> None:
    """Once all is swept and relayed, the operator's checker finds nothing. Raises Lost."""
    house.sweep()
    house.relay()
    environment = house.keys.environment
    found = list(check(house.database, house.redis, environment=environment, grace=timedelta(0)))
    ensure(found == [], "the checker finds violations", found)
