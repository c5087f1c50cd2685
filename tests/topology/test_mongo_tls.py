"""MongoDB over TLS with a password, by its URI alone."""

from __future__ import annotations

import pytest

from local.config import HOST
from slotkeeper.adapters.mongo.client import call, connect
from slotkeeper.domain.errors import Unavailable
from tests.topology.secured import Secured


def test_the_right_password_and_authority_are_let_in(secured: Secured) -> None:
    database = connect(secured.uri())
    with database.client, call():
        database.slots.insert_one({"_id": "s"})
        assert database.slots.find_one() == {"_id": "s"}


@pytest.mark.parametrize("wrong", ["password", "authority"])
def test_a_wrong_one_is_unavailable(secured: Secured, wrong: str) -> None:
    uri = {
        "password": secured.uri(password="guessed"),
        "authority": secured.uri(ca=secured.certificates.other_ca),
    }[wrong]
    database = connect(uri)
    with database.client, pytest.raises(Unavailable), call():
        database.slots.find_one()


def test_without_tls_nobody_is_let_in(secured: Secured) -> None:
    database = connect(f"mongodb://{HOST}:{secured.port}/slotkeeper?replicaSet=rs0")
    with database.client, pytest.raises(Unavailable), call():
        database.slots.find_one()
