"""Each violation, planted by itself, is found, and nothing but what follows from it."""

from __future__ import annotations

import pytest

from ops.check import RULES
from tests.integration.test_check import found
from tests.support.house import House
from tests.support.planted import ALL, Planted, Scene


@pytest.mark.parametrize("planted", ALL, ids=lambda planted: planted.name)
def test_planted_violation_is_found(house: House, planted: Planted) -> None:
    scene = Scene.of(house)
    about, documents = planted.plant(scene)

    violations = found(house, heads=scene.heads)

    assert {violation.rule for violation in violations} == {planted.rule, *planted.also}
    named = {
        violation.about: {document.get("_id") for document in violation.documents} - {None}
        for violation in violations
        if violation.rule == planted.rule
    }
    assert named[about] == documents


def test_every_rule_is_planted() -> None:
    assert {planted.rule for planted in ALL} == set(RULES)
