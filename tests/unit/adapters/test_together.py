from __future__ import annotations

import subprocess
import sys
import threading
from contextvars import ContextVar

import pytest

from slotkeeper.adapters.together import together

SEEN: ContextVar[str] = ContextVar("SEEN", default="nothing")


class FirstError(Exception):
    pass


class SecondError(Exception):
    pass


def fail_with(error: Exception) -> None:
    raise error


def test_answers_come_in_the_order_of_the_calls() -> None:
    assert together(lambda: 1, lambda: 2, lambda: 3) == [1, 2, 3]


def test_no_calls_have_no_answers() -> None:
    assert together() == []


def test_calls_run_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=5)

    arrived = together(both.wait, both.wait)

    assert sorted(arrived) == [0, 1]


def test_first_error_is_raised_after_every_call_has_ended() -> None:
    ended: list[str] = []

    with pytest.raises(FirstError):
        together(
            lambda: fail_with(FirstError()),
            lambda: ended.append("second"),
            lambda: fail_with(SecondError()),
            lambda: ended.append("fourth"),
        )

    assert sorted(ended) == ["fourth", "second"]


def test_error_of_a_later_call_is_raised_too() -> None:
    with pytest.raises(SecondError):
        together(lambda: 1, lambda: fail_with(SecondError()))


def test_every_call_sees_the_callers_context() -> None:
    token = SEEN.set("the deadline")

    seen = together(SEEN.get, SEEN.get, SEEN.get)

    SEEN.reset(token)
    assert seen == ["the deadline"] * 3


def test_calls_run_together_in_a_fork_as_well() -> None:
    text = """
import os, warnings
warnings.simplefilter("ignore")  # of a fork beside threads, which is what is tried
from slotkeeper.adapters.together import together
def calls():
    return together(lambda: 1, lambda: 2)
before = calls()
child = os.fork()
if not child:
    os._exit(0 if calls() == before else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", text], timeout=20, check=False)

    assert done.returncode == 0


def test_call_may_itself_run_calls_together() -> None:
    assert together(lambda: together(lambda: 1, lambda: 2), lambda: 3) == [[1, 2], 3]
