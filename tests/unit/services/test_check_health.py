from __future__ import annotations

import pytest

from slotkeeper.adapters.together import together
from slotkeeper.services.check_health import check_health
from tests.support.fakes import FakeDependency, one_by_one


def test_each_dependency_is_named_with_its_state() -> None:
    mongodb, redis, sqs = (FakeDependency(name) for name in ("mongodb", "redis", "sqs"))
    redis.down = {"check"}

    states = check_health(dependencies=[mongodb, redis, sqs], together=one_by_one)

    assert states == {"mongodb": True, "redis": False, "sqs": True}


def test_every_dependency_is_asked_though_the_first_is_down() -> None:
    first, second = FakeDependency("first"), FakeDependency("second")
    first.down = {"check"}

    check_health(dependencies=[first, second], together=together)

    assert first.calls == second.calls == ["check"]


def test_nothing_to_stand_on_is_healthy() -> None:
    assert check_health(dependencies=[], together=together) == {}


def test_programming_error_is_not_taken_for_a_dependency_that_is_down() -> None:
    class Broken(FakeDependency):
        def check(self) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        check_health(dependencies=[Broken("broken")], together=one_by_one)
