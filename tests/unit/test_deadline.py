from __future__ import annotations

from contextvars import copy_context

import pytest

from slotkeeper import deadline


def left(remaining: float, at_most: float) -> float:
    """What an invocation with so many seconds remaining spares for a call, in its own context."""

    def run() -> float:
        deadline.start(remaining)
        return deadline.seconds_left(at_most)

    return copy_context().run(run)


def test_call_may_take_all_it_asks_for_outside_an_invocation() -> None:
    assert copy_context().run(deadline.seconds_left, 3.0) == 3.0


def test_call_may_take_all_it_asks_for_while_there_is_time() -> None:
    assert left(15, at_most=3) == 3


def test_call_is_capped_by_what_the_invocation_can_spare() -> None:
    assert left(2, at_most=3) == pytest.approx(2 - deadline.RESERVE_SECONDS, abs=0.5)


@pytest.mark.parametrize("remaining", [1.0, 0.5, 0.0, -5.0])
def test_call_is_tried_even_when_time_is_up(remaining: float) -> None:
    assert left(remaining, at_most=3) == 0.05
