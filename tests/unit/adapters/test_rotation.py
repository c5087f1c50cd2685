"""The versions of a secret, by the API's own rules (moto), which has no version without a value."""

from __future__ import annotations

import json
import uuid

import pytest

from slotkeeper.adapters.aws.client import connect
from slotkeeper.adapters.aws.rotation import SecretVersions
from slotkeeper.domain.errors import Unavailable
from slotkeeper.ports.rotation import CURRENT, PENDING

NAME = "slotkeeper-test/otp-keys"


@pytest.fixture
def secret(aws: str) -> SecretVersions:
    client = connect("secretsmanager")
    client.create_secret(Name=NAME, SecretString=json.dumps({"k1": "first"}))
    return SecretVersions(client, NAME)


def current(secret: SecretVersions) -> str:
    return next(version for version, stages in secret.stages().items() if CURRENT in stages)


def test_version_is_put_as_pending_and_takes_over(secret: SecretVersions) -> None:
    first, version = current(secret), str(uuid.uuid4())

    secret.put_pending(version, "the next")

    assert secret.stages()[version] == {PENDING}
    assert (secret.text(first), secret.text(version)) == ('{"k1": "first"}', "the next")

    secret.make_current(version, instead_of=first)

    assert current(secret) == version
    assert secret.text(first) == '{"k1": "first"}'


def test_version_that_is_not_there_holds_nothing(secret: SecretVersions) -> None:
    assert secret.text(str(uuid.uuid4())) is None


def test_secret_that_is_not_there_is_unavailable(aws: str) -> None:
    with pytest.raises(Unavailable):
        SecretVersions(connect("secretsmanager"), NAME).stages()


def test_secret_is_known_by_its_name_and_its_arn(aws: str) -> None:
    client = connect("secretsmanager")
    arn = client.create_secret(Name=NAME, SecretString="x")["ARN"]

    secret = SecretVersions(client, NAME)

    assert secret.is_named(arn)
    assert secret.is_named(NAME)
    assert not secret.is_named(arn[:-1])
    assert not secret.is_named(arn + "x")
