"""What the log says of an error: where it came from, none of its words."""

from __future__ import annotations

import pytest

from slotkeeper.entrypoints.observability import raised_at


def _driver() -> None:
    raise KeyError("dup key: { phone: '+15550100' }")


def _adapter() -> None:
    try:
        _driver()
    except KeyError as error:
        raise RuntimeError("mongodb://user:hunter2@db/slotkeeper") from error


def test_an_error_is_told_by_types_and_places_with_its_cause_and_none_of_its_words() -> None:
    with pytest.raises(RuntimeError) as caught:
        _adapter()

    told = raised_at(caught.value)

    assert [one.split()[-1] for one in told if "_" in one and ":" in one] == [
        "_adapter",
        "_driver",
        "test_an_error_is_told_by_types_and_places_with_its_cause_and_none_of_its_words",
        "_adapter",
    ]
    assert [one for one in told if ":" not in one] == ["KeyError", "RuntimeError"]
    assert "+15550100" not in str(told)
    assert "hunter2" not in str(told)


def test_of_a_deep_traceback_the_innermost_places_are_told() -> None:
    def deeper(depth: int) -> None:
        if depth == 0:
            _driver()
        deeper(depth - 1)

    with pytest.raises(KeyError) as caught:
        deeper(50)

    told = raised_at(caught.value)

    assert len(told) < 10
    assert told[-1].endswith("_driver")
