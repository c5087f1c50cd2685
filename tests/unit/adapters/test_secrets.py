from __future__ import annotations

import json
from typing import Any

import pytest

from slotkeeper.adapters.aws.client import connect
from slotkeeper.adapters.aws.secrets import KEPT_SECONDS, KeyRing
from slotkeeper.domain.errors import Unavailable

SECRET = "otp-keys"


class CountingSecrets:
    """A Secrets Manager client that counts what is read."""

    def __init__(self, client: Any) -> None:  # Any: generated client type
        self._client = client
        self.reads = 0

    def get_secret_value(self, **parameters: str) -> Any:
        self.reads += 1
        return self._client.get_secret_value(**parameters)


class Ring:
    """A key ring over a secret that can be changed."""

    def __init__(self) -> None:
        self._client = connect("secretsmanager")
        self.secrets = CountingSecrets(self._client)
        self._client.create_secret(Name=SECRET, SecretString=json.dumps({"k1": "first"}))
        self.keys = KeyRing(self.secrets, SECRET)

    def store(self, **keys: str) -> None:
        self.store_text(json.dumps(keys))

    def store_text(self, text: str) -> None:
        self._client.put_secret_value(SecretId=SECRET, SecretString=text)

    def delete(self) -> None:
        self._client.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)

    def grow_older(self, seconds: float) -> None:
        self.keys._read_at -= seconds


@pytest.fixture
def ring(aws: str) -> Ring:
    return Ring()


def test_key_is_read_by_its_id(ring: Ring) -> None:
    assert ring.keys.key("k1") == b"first"


def test_nothing_is_read_before_a_key_is_wanted(ring: Ring) -> None:
    assert ring.secrets.reads == 0


def test_key_is_kept(ring: Ring) -> None:
    for _ in range(5):
        ring.keys.key("k1")

    assert ring.secrets.reads == 1


def test_new_key_works_as_soon_as_it_is_in_the_secret(ring: Ring) -> None:
    ring.keys.key("k1")
    ring.store(k1="first", k2="second")

    assert ring.keys.key("k2") == b"second"
    assert ring.secrets.reads == 2


def test_withdrawn_key_stops_working_once_the_ring_is_old(ring: Ring) -> None:
    ring.keys.key("k1")
    ring.store(k2="second")
    ring.grow_older(KEPT_SECONDS + 1)

    with pytest.raises(Unavailable):
        ring.keys.key("k1")


def test_key_that_is_not_in_the_secret_is_unavailable(ring: Ring) -> None:
    with pytest.raises(Unavailable):
        ring.keys.key("k9")


def test_secret_that_does_not_exist_is_unavailable(ring: Ring) -> None:
    ring.delete()

    with pytest.raises(Unavailable):
        ring.keys.key("k1")


@pytest.mark.parametrize("text", ["not json", "[]", '"k1"', "5", '{"k1": 5}'])
def test_secret_that_holds_no_keys_is_unavailable(ring: Ring, text: str) -> None:
    ring.store_text(text)

    with pytest.raises(Unavailable):
        ring.keys.key("k1")
