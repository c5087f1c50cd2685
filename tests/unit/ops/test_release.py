"""Which versions are gone back to, and in which order."""

from __future__ import annotations

import pytest

from ops.release import Function, Move, moves_back
from ops.stores import OpsError

FIRST, SECOND, THIRD = "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"


def _function(name: str, live: str, *taken_back: str, **releases: str) -> Function:
    """Releases by their version, `v1`, oldest first."""
    newest_first = {key.removeprefix("v"): value for key, value in reversed(releases.items())}
    return Function(f"slotkeeper-{name}", live, newest_first, taken_back)


def _ends(moves: list[Move]) -> list[tuple[str, str]]:
    return [(move.function.removeprefix("slotkeeper-"), move.to_version) for move in moves]


def test_every_function_goes_back_to_the_release_before() -> None:
    functions = [
        _function("cancel", "3", v1=FIRST, v2=SECOND, v3=THIRD),
        _function("health", "2", v1=SECOND, v2=THIRD),
    ]

    assert _ends(moves_back(functions, to=None)) == [("cancel", "2"), ("health", "1")]


def test_who_asks_for_codes_goes_back_first_and_who_knows_them_last() -> None:
    names = ["authorize", "hold-slot", "resend-otp", "send-notification", "verify-otp"]
    functions = [_function(name, "2", v1=FIRST, v2=SECOND) for name in names]

    order = [name for name, _ in _ends(moves_back(functions, to=None))]

    assert set(order[:2]) == {"hold-slot", "resend-otp"}
    assert set(order[-2:]) == {"send-notification", "verify-otp"}


def test_a_release_that_stopped_halfway_goes_back_where_it_came() -> None:
    functions = [
        _function("cancel", "2", v1=FIRST, v2=SECOND),
        _function("health", "1", v1=FIRST),
    ]

    assert _ends(moves_back(functions, to=None)) == [("cancel", "1")]


def test_what_was_taken_back_once_is_not_gone_back_to() -> None:
    functions = [_function("cancel", "3", SECOND, v1=FIRST, v2=SECOND, v3=THIRD)]

    [move] = moves_back(functions, to=None)

    assert move.to_version == "1"
    assert list(move.taken_back) == [SECOND, THIRD]


def test_a_second_time_by_mistake_goes_no_further() -> None:
    functions = [_function("cancel", "2", THIRD, v1=FIRST, v2=SECOND, v3=THIRD)]

    with pytest.raises(OpsError, match="cccccccccc is taken back already"):
        moves_back(functions, to=None)
    assert _ends(moves_back(functions, to=FIRST)) == [("cancel", "1")]


def test_one_that_was_cut_off_is_finished() -> None:
    functions = [
        _function("cancel", "2", THIRD, v1=FIRST, v2=SECOND, v3=THIRD),
        _function("health", "3", v1=FIRST, v2=SECOND, v3=THIRD),
    ]

    assert _ends(moves_back(functions, to=None)) == [("health", "2")]


def test_nothing_goes_back_to_what_stood_by() -> None:
    versions = {"2": SECOND, "1": FIRST}
    promoted = Function("slotkeeper-cancel", "2", versions, (), {"1": "true", "2": "false"})

    with pytest.raises(OpsError, match="Standby=true"):
        moves_back([promoted], to=None)


def test_a_release_may_be_named() -> None:
    functions = [_function("cancel", "3", v1=FIRST, v2=SECOND, v3=THIRD)]

    assert _ends(moves_back(functions, to=FIRST)) == [("cancel", "1")]


def test_a_function_that_is_new_stays() -> None:
    functions = [
        _function("cancel", "2", v1=FIRST, v2=SECOND),
        _function("check-release", "1", v1=SECOND),
    ]

    assert _ends(moves_back(functions, to=None)) == [("cancel", "1")]


def test_a_release_that_nothing_has_is_refused() -> None:
    with pytest.raises(OpsError, match="nothing has a version of release dddddddddd"):
        moves_back([_function("cancel", "2", v1=FIRST, v2=SECOND)], to="dddddddddd")


def test_a_first_release_has_nothing_before_it() -> None:
    with pytest.raises(OpsError, match="no version before 1"):
        moves_back([_function("cancel", "1", v1=FIRST)], to=None)
