"""Which functions that the platform ended are held against the product."""

from __future__ import annotations

from chaos.rest import overruns

LINE = "2026-03-01 12:00:{second:02} {level} [lambda_runtime] Lambda {what}\n"


def spawned(second: int, function: str = "hold-slot") -> str:
    what = f"worker spawned for {function} (python3.13, cold start)"
    return LINE.format(second=second, level="INFO", what=what)


def ended(second: int, function: str = "hold-slot") -> str:
    what = f"{function} timed out after 15s — killing worker"
    return LINE.format(second=second, level="WARNING", what=what)


def test_a_function_that_ran_past_its_limit_is_noticed() -> None:
    log = spawned(1) + "something else\n" + ended(40)

    assert [(f.rule, f.about) for f in overruns(log)] == [("past_deadline", "hold-slot")]


def test_one_that_had_only_begun_to_start_is_this_machines_doing() -> None:
    assert list(overruns(spawned(1) + ended(16))) == []


def test_the_start_of_another_function_excuses_nobody() -> None:
    log = spawned(1) + spawned(30, "cancel") + ended(40)

    assert [f.about for f in overruns(log)] == ["hold-slot"]


def test_a_log_without_such_lines_holds_nothing_against_anybody() -> None:
    assert list(overruns(spawned(1))) == []
