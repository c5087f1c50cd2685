"""What the checker finds in what was read already is what it finds in the database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from ops.check import LONGEST_HOLD, check, check_what_is_read
from ops.check.moment import Moment
from ops.check.rules import GUARD_MISSING
from ops.violation import Violation
from slotkeeper.adapters.mongo.indexes import INDEXES
from tests.crash.seen_reader import SeenReader
from tests.support.house import House
from tests.support.planted import ALL, Planted, Scene

GUARDS = {name: {index.document["name"] for index in indexes} for name, indexes in INDEXES.items()}


OF_EACH_RULE = {planted.rule: planted for planted in ALL if planted.rule != GUARD_MISSING.name}


@pytest.mark.parametrize("planted", OF_EACH_RULE.values(), ids=OF_EACH_RULE)
def test_violation_is_found_without_reading_again(house: House, planted: Planted) -> None:
    scene = Scene.of(house)
    planted.plant(scene)
    environment, now = house.keys.environment, datetime.now(UTC)
    moment = Moment(now=now, grace=timedelta(0), longest_hold=LONGEST_HOLD)
    collections = house.database.list_collection_names()
    seen = {name: list(house.database[name].find()) for name in collections}

    found = check_what_is_read(
        SeenReader(seen, now, GUARDS),
        house.redis,
        environment=environment,
        moment=moment,
        heads=scene.heads,
    )

    wanted = check(
        house.database,
        house.redis,
        environment=environment,
        now=now,
        grace=timedelta(0),
        heads=scene.heads,
    )
    expected = _named(violation for violation in wanted if violation.rule != GUARD_MISSING.name)
    assert expected
    assert _named(found) == expected


def _named(violations: Iterable[Violation]) -> list[tuple[str, str]]:
    return sorted((violation.rule, violation.about) for violation in violations)
