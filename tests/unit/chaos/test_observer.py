"""What the observer notices between two looks."""

from __future__ import annotations

from typing import cast

from chaos.ground import Ground
from chaos.observer import Observer


def observer() -> Observer:
    return Observer(cast("Ground", None))  # compares what it is given, and looks at nothing


def test_versions_that_grow_or_stay_are_fine() -> None:
    watching = observer()

    watching.compare([{"_id": "s1", "version": 3}], [])
    watching.compare([{"_id": "s1", "version": 3}, {"_id": "s2", "version": 2}], [])
    watching.compare([{"_id": "s1", "version": 4}], [])

    assert watching.findings == []
    assert watching.looks == 3


def test_a_version_that_goes_back_is_noticed() -> None:
    watching = observer()

    watching.compare([{"_id": "s1", "version": 4}], [])
    watching.compare([{"_id": "s1", "version": 3}], [])

    assert [(f.rule, f.about) for f in watching.findings] == [("version_went_back", "s1")]


def test_a_slot_with_two_confirmed_bookings_is_noticed() -> None:
    watching = observer()

    watching.compare([], [{"_id": "s1", "bookings": ["bk_1", "bk_2"]}])

    assert [(f.rule, f.about) for f in watching.findings] == [("confirmed_twice", "s1")]
