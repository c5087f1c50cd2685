"""A start makes a function ready; one from a snapshot shares nothing with the others."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from pymongo.errors import InvalidOperation

from slotkeeper import bootstrap, readiness, snapshots
from tests.support.house import House
from tests.support.servers import NOBODY, Stores


class Runtime(ModuleType):
    """Stands for `snapshot_restore_py`, which is in Lambda alone."""

    def __init__(self) -> None:
        super().__init__("snapshot_restore_py")
        self.before: list[Callable[[], None]] = []
        self.after: list[Callable[[], None]] = []

    def register_before_snapshot(self, hook: Callable[[], None]) -> None:
        self.before.append(hook)

    def register_after_restore(self, hook: Callable[[], None]) -> None:
        self.after.append(hook)


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, stores: Stores, house: House
) -> Iterator[pytest.MonkeyPatch]:
    given = {
        "ENVIRONMENT": "local",
        "MONGO_URI": stores.database_uri(house.database.name),
        "REDIS_URL": stores.redis_url,
        "REDIS_MODE": stores.redis_mode,
        "REQUIRE_TLS": "false",
        "RELAY_FUNCTION_NAME": "relay",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    bootstrap.forget()
    yield monkeypatch
    bootstrap.forget()


def test_hooks_are_registered_where_the_runtime_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Runtime()
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", runtime)

    assert snapshots.hooks(before=bootstrap.warm_up, after=bootstrap.forget)
    assert (runtime.before, runtime.after) == ([bootstrap.warm_up], [bootstrap.forget])


def test_where_there_are_no_snapshots_nothing_is_registered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", None)

    assert not snapshots.hooks(before=bootstrap.warm_up, after=bootstrap.forget)


def test_before_the_snapshot_nothing_is_opened_and_nothing_kept(
    environment: pytest.MonkeyPatch,
) -> None:
    bootstrap.warm_up()

    kept = [
        name
        for name, made in vars(bootstrap).items()
        if hasattr(made, "cache_info") and made.cache_info().currsize
    ]
    assert kept == []
    assert {"pymongo", "redis"} <= set(sys.modules)


def test_settings_that_are_wrong_make_no_snapshot(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HOLD_SECONDS", "soon")

    with pytest.raises(ValueError, match="HOLD_SECONDS"):
        bootstrap.warm_up()


def test_after_the_start_connections_are_closed_and_made_anew(
    environment: pytest.MonkeyPatch,
) -> None:
    reached = readiness.answer_to(readiness.question(["mongodb", "redis"]))
    assert reached == {"reached": {"mongodb": True, "redis": True}}
    database, redis = bootstrap.database(), bootstrap.redis()
    pool: Any = redis.connection_pool

    bootstrap.forget()

    with pytest.raises(InvalidOperation):
        database.command("ping")
    assert bootstrap.database().client is not database.client
    assert bootstrap.redis() is not redis
    assert bootstrap.redis().connection_pool is not pool
    again = readiness.answer_to(readiness.question(["mongodb", "redis"]))
    assert again == {"reached": {"mongodb": True, "redis": True}}


@pytest.mark.parametrize(
    "name", ["settings", "aws", "signed", "code_maker", "payment_provider", "breaker"]
)
def test_after_the_start_nothing_read_before_is_still_known(
    environment: pytest.MonkeyPatch, name: str
) -> None:
    factory = getattr(bootstrap, name)
    asked = ["sqs"] if name in {"aws", "signed"} else []
    made = factory(*asked)

    bootstrap.forget()

    assert factory(*asked) is not made


def test_after_the_start_credentials_are_those_of_this_start(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("AWS_SESSION_TOKEN", "of the snapshot")
    bootstrap.settings()
    environment.delenv("AWS_SESSION_TOKEN")
    environment.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "of this start")

    bootstrap.forget()

    known = bootstrap.settings()
    assert (known.aws_session_token, known.aws_container_authorization_token) == (
        "",
        "of this start",
    )


def test_two_starts_of_one_snapshot_draw_different_orders(
    environment: pytest.MonkeyPatch,
) -> None:
    snapshot = random.getstate()
    drawn = []
    for _ in range(2):
        random.setstate(snapshot)
        bootstrap.forget()
        drawn.append(random.getstate())

    assert drawn[0] != drawn[1]


def test_two_starts_of_one_snapshot_make_different_seeds_and_keys(
    environment: pytest.MonkeyPatch,
) -> None:
    snapshot = random.getstate()
    made = []
    for _ in range(2):
        random.setstate(snapshot)
        made.append((bootstrap.fresh_code().seed, bootstrap.new_otp_key()))

    # By the system's randomness, not by what a snapshot holds.
    assert made[0][0] != made[1][0]
    assert made[0][1] != made[1][1]


@pytest.fixture
def in_lambda(environment: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    environment.setenv("AWS_LAMBDA_FUNCTION_NAME", "hold_slot")
    yield environment
    bootstrap.prime()


def test_a_start_makes_what_the_function_stands_on_and_connects_to_it(
    in_lambda: pytest.MonkeyPatch,
) -> None:
    bootstrap.prime(bootstrap.gate, bootstrap.slots)

    assert made_of(bootstrap.gate, bootstrap.slots) == [1, 1]
    assert is_connected()


def test_a_start_from_a_snapshot_makes_it_anew(in_lambda: pytest.MonkeyPatch) -> None:
    bootstrap.prime(bootstrap.gate, bootstrap.slots)
    of_the_snapshot = bootstrap.slots()
    bootstrap.warm_up()
    assert made_of(bootstrap.gate, bootstrap.slots) == [0, 0]

    bootstrap.start_anew()

    assert made_of(bootstrap.gate, bootstrap.slots) == [1, 1]
    assert bootstrap.slots() is not of_the_snapshot
    assert is_connected()


def test_whoever_imports_a_function_elsewhere_opens_nothing(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)

    bootstrap.prime(bootstrap.gate, bootstrap.slots)

    assert made_of(bootstrap.gate, bootstrap.slots, bootstrap.redis, bootstrap.database) == [0] * 4


def test_stores_that_are_down_keep_no_function_from_starting(
    in_lambda: pytest.MonkeyPatch,
) -> None:
    in_lambda.setenv("REDIS_URL", f"redis://127.0.0.1:{NOBODY}/0")
    in_lambda.setenv("REDIS_MODE", "single")
    in_lambda.setenv("MONGO_URI", f"mongodb://127.0.0.1:{NOBODY}/slotkeeper")

    bootstrap.prime(bootstrap.gate, bootstrap.slots)

    asked = readiness.question(["mongodb", "redis"])
    assert readiness.answer_to(asked) == {"reached": {"mongodb": False, "redis": False}}


def test_what_cannot_be_made_is_left_to_the_first_call(in_lambda: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ValueError

    bootstrap.prime(broken, bootstrap.slots)

    assert made_of(bootstrap.slots) == [1]


def made_of(*factories: Any) -> list[int]:
    return [factory.cache_info().currsize for factory in factories]


def is_connected() -> bool:
    """Whether both clients have a connection that was opened before anything asked for one."""
    pool: Any = bootstrap.redis().connection_pool
    return bool(pool._available_connections) and bool(bootstrap.database().client.nodes)
