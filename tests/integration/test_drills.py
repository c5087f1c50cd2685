"""What was practised is kept, and the newest of each kind found."""

from __future__ import annotations

from ops import drills
from tests.support.house import House


def test_the_newest_drill_of_a_kind_that_ended_is_found(house: House) -> None:
    drills.record(house.database, "restore", "passed", {"rpoSeconds": 1})
    drills.record(house.database, "restore", "failed", {"error": "no space"})
    drills.record(house.database, "restore", "begun", {})
    drills.record(house.database, "rollback", "passed", {})

    found = drills.latest(house.database, "restore")

    assert found is not None
    assert (found.outcome, found.figures) == ("failed", {"error": "no space"})
    assert drills.latest(house.database, "promote") is None
