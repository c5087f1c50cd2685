"""Python's collector is off while a function starts, and on again when it is ready."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from slotkeeper import startup


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()
    gc.unfreeze()


def test_in_lambda_it_is_off_until_the_function_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "hold_slot")

    startup.begin()
    assert not gc.isenabled()

    startup.end()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_elsewhere_it_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)

    startup.begin()
    startup.end()

    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
