"""The deployed stack, one for all tests that need it, and people who use it (a pytest plugin)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from chaos.rest import have_messages_come_back_soon
from local import identity
from local.api import Patient
from local.config import Config
from slotkeeper.adapters.mongo.documents import SLOTS
from slotkeeper.domain.slot import SlotStatus
from tests.support import servers

NewPatient = Callable[[], Patient]
NextSlot = Callable[[], str]


@pytest.fixture(scope="session")
def stack(system: Config) -> dict[str, Any]:
    made = servers.start_all(system)
    # A notice that finds another about its booking being sent waits for its turn that long.
    have_messages_come_back_soon(system, made)
    return made


@pytest.fixture(scope="session")
def new_patient(system: Config, stack: dict[str, Any]) -> NewPatient:
    def make() -> Patient:
        [person] = identity.sign_in(system, [identity.anybody("patient")])
        return Patient(stack["api_url"], system, person.token, person.phone)

    return make


@pytest.fixture(scope="session")
def next_slot(
    new_patient: NewPatient, stack: dict[str, Any], deployed_mongo: Database[dict[str, Any]]
) -> NextSlot:
    """A slot that no other test was given, and that is free: some tests take what they like."""
    free = [
        slot["id"]
        for doctor in stack["doctors"][1:]
        for page in range(1, 5)
        for slot in new_patient().free_slots(doctor, limit=100, page=page)
    ]
    given = itertools.cycle(free)

    def give() -> str:
        slot: str
        for slot in itertools.islice(given, len(free)):
            if deployed_mongo[SLOTS].count_documents({"_id": slot, "status": SlotStatus.ACTIVE}):
                return slot
        raise AssertionError("no slot is free")

    return give


@pytest.fixture(scope="session")
def deployed_mongo(stack: dict[str, Any]) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](stack["mongo_uri"], tz_aware=True) as client:
        yield client.get_default_database()
