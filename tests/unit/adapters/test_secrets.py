from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from slotkeeper.adapters.aws.client import connect
from slotkeeper.adapters.aws.secrets import ASK_AGAIN, KeptSecret, read_api_key
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.key_ring import GOES_ON, KEPT
from tests.support.fakes import FakeClock

SECRET = "payment"
SECOND = timedelta(seconds=1)


class CountingSecrets:
    """A Secrets Manager client that counts what is read, and may be cut off."""

    def __init__(self, client: Any) -> None:  # Any: generated client type
        self._client = client
        self.reads = 0
        self.is_down = False

    def get_secret_value(self, **parameters: str) -> Any:
        self.reads += 1
        if self.is_down:
            return self._client.get_secret_value(SecretId="none of that name")
        return self._client.get_secret_value(**parameters)


class World:
    """A secret that can be changed, and what is kept of it; `wants` are names it should have."""

    def __init__(self) -> None:
        self._client = connect("secretsmanager")
        self.secrets = CountingSecrets(self._client)
        self._client.create_secret(Name=SECRET, SecretString='{"a": 1}')
        self.clock = FakeClock()
        self.kept: KeptSecret[dict[str, int]] = KeptSecret(
            self.secrets, SECRET, json.loads, self.clock
        )

    def store(self, text: str) -> None:
        self._client.put_secret_value(SecretId=SECRET, SecretString=text)

    def value(self, name: str = "a") -> dict[str, int]:
        return self.kept.value(lambda value: name in value)


@pytest.fixture
def world(aws: str) -> World:
    return World()


def test_nothing_is_read_before_it_is_wanted(world: World) -> None:
    assert world.secrets.reads == 0


def test_value_is_read_once_and_kept(world: World) -> None:
    for _ in range(5):
        assert world.value() == {"a": 1}

    assert world.secrets.reads == 1


def test_value_is_not_kept_for_more_than_five_minutes(world: World) -> None:
    world.value()
    world.store('{"a": 2}')
    world.clock.advance(KEPT - SECOND)
    assert world.value() == {"a": 1}

    world.clock.advance(SECOND)

    assert timedelta(minutes=5) >= KEPT
    assert world.value() == {"a": 2}


def test_clock_that_was_set_back_makes_nothing_last_longer(world: World) -> None:
    world.value()
    world.store('{"a": 2}')

    world.clock.advance(-timedelta(days=1))

    assert world.value() == {"a": 2}


# --- what it lacks --------------------------------------------------------------------------------


def test_what_is_new_in_the_secret_is_there_at_once(world: World) -> None:
    world.value()
    world.store('{"a": 1, "b": 2}')

    assert world.value("b") == {"a": 1, "b": 2}


def test_what_is_not_there_is_told_as_of_this_moment(world: World) -> None:
    assert world.value("z") == {"a": 1}
    assert world.secrets.reads == 1


def test_asking_for_what_is_not_there_floods_nobody(world: World) -> None:
    world.value()
    world.value("z")

    for _ in range(1_000):
        with pytest.raises(Unavailable):
            world.value("z")

    assert world.secrets.reads == 2


def test_who_floods_keeps_nobody_from_what_is_there(world: World) -> None:
    world.value("z")
    world.value("z")

    with pytest.raises(Unavailable):
        world.value("z")

    assert world.value("a") == {"a": 1}


def test_what_was_not_there_is_looked_for_again_a_little_later(world: World) -> None:
    world.value()
    world.value("b")
    world.store('{"b": 2}')
    world.clock.advance(ASK_AGAIN)

    assert world.value("b") == {"b": 2}


# --- Secrets Manager is down ----------------------------------------------------------------------


def test_known_value_goes_on_for_an_hour_without_secrets_manager(world: World) -> None:
    world.value()
    world.secrets.is_down = True

    world.clock.advance(GOES_ON - SECOND)
    assert world.value() == {"a": 1}

    world.clock.advance(SECOND)
    with pytest.raises(Unavailable):
        world.value()


def test_secrets_manager_that_is_down_is_not_asked_by_every_request(world: World) -> None:
    world.value()
    world.secrets.is_down = True
    world.clock.advance(KEPT)

    for _ in range(1_000):
        world.value()

    assert world.secrets.reads == 2


def test_function_that_never_read_it_asks_seldom_as_well(world: World) -> None:
    world.secrets.is_down = True

    for _ in range(1_000):
        with pytest.raises(Unavailable):
            world.value()

    assert world.secrets.reads == 1


def test_value_is_fresh_again_when_secrets_manager_is_back(world: World) -> None:
    world.value()
    world.secrets.is_down = True
    world.clock.advance(KEPT)
    world.value()
    world.store('{"a": 2}')
    world.secrets.is_down = False

    world.clock.advance(ASK_AGAIN)

    assert world.value() == {"a": 2}


def test_what_is_not_known_is_unavailable_without_secrets_manager(world: World) -> None:
    world.value()
    world.secrets.is_down = True

    with pytest.raises(Unavailable):
        world.value("b")


def test_secret_that_cannot_be_read_goes_on_as_it_was(world: World) -> None:
    world.value()
    world.store("not json")
    world.clock.advance(KEPT)

    assert world.value() == {"a": 1}


def test_secret_that_was_never_readable_is_unavailable(world: World) -> None:
    world.store("not json")

    with pytest.raises(Unavailable):
        world.value()


# --- the payment provider's key -------------------------------------------------------------------


def test_api_key_is_read() -> None:
    assert read_api_key('{"apiKey": "sk_1"}') == "sk_1"


@pytest.mark.parametrize("text", ["not json", "[]", '"k1"', "5", "{}", '{"apiKey": 5}'])
def test_secret_without_an_api_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_api_key(text)
