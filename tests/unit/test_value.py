"""Values: never changed, equal by their fields, and silent about what is secret."""

from __future__ import annotations

import pytest

from slotkeeper.value import Guarded, Value


class Place(Value, kw_only=True):
    name: str
    number: int = 1


class Key(Guarded, kw_only=True):
    secret = frozenset({"text"})

    id: str
    text: str


def test_a_value_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Place(name="a").number = 2  # type: ignore[misc]  # what is tested


def test_values_of_the_same_fields_are_one() -> None:
    assert {Place(name="a"), Place(name="a", number=1)} == {Place(name="a")}
    assert Place(name="a") != Place(name="a", number=2)


def test_a_secret_field_is_in_no_repr() -> None:
    assert repr([Key(id="k1", text="canary-4711")]) == "[Key(id='k1')]"
