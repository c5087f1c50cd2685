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
    house.seal()
    environment = house.keys.environment
    nothing = timedelta(0)
    found = list(
        check(
            house.database,
            house.redis,
            environment=environment,
            grace=nothing,
            seal_grace=nothing,
        )
    )
    ensure(found == [], "the checker finds violations", found)
