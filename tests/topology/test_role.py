"""The functions' user: every use case works as it, and the audit log is append-only to it."""

from __future__ import annotations

import secrets
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure

from local.config import ROOT
from local.payment_simulator import running
from local.simulated_payments import SimulatedPayments
from ops.check import check
from ops.roles import ACTIONS, ROLE, grant
from slotkeeper.adapters.mongo import documents
from slotkeeper.adapters.mongo.booking_lists import MongoBookingLists
from slotkeeper.adapters.mongo.catalogue import MongoCatalogue
from slotkeeper.adapters.mongo.indexes import INDEXES, create_indexes
from slotkeeper.adapters.mongo.quotas import MongoCodeQuota
from slotkeeper.domain.user import Caller, Role, User
from slotkeeper.ports.bookings import BookingFilter
from slotkeeper.ports.clinic import DoctorFilter
from tests.integration.test_check import lived_in
from tests.support.house import House
from tests.support.paying import Shop
from tests.support.servers import Stores
from tests.topology.secured import Secured

NOT_ALLOWED = 13
Document = dict[str, Any]  # Any: BSON


@pytest.fixture
def admin(secured: Secured) -> Iterator[Database[Document]]:
    """A database of its own with the role, and a user for the functions and one to check."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with MongoClient[Document](secured.uri(), tz_aware=True) as client:
        database = client[name]
        create_indexes(database)
        grant(database)
        yield database
        client.drop_database(name)


def _as(secured: Secured, database: Database[Document], role: str) -> str:
    """The URI of a new user of that role alone."""
    name, password = f"u{uuid.uuid4().hex[:8]}", secrets.token_hex(8)
    roles = [{"role": role, "db": database.name}]
    database.client["admin"].command("createUser", name, pwd=password, roles=roles)
    return secured.uri(user=name, password=password, database=database.name)


@pytest.fixture
def house(secured: Secured, stores: Stores, admin: Database[Document]) -> Iterator[House]:
    """A house whose functions' user has the role, and nothing else."""
    with stores.connect_redis() as redis:
        environment = f"t{uuid.uuid4().hex[:8]}"
        made = House.on(_as(secured, admin, ROLE), redis, environment=environment)
        yield made
        made.database.client.close()
        made.lose_redis()


def test_the_role_names_every_collection() -> None:
    constants = {
        value
        for name, value in vars(documents).items()
        if name.isupper() and isinstance(value, str) and not name.endswith("VERSION")
    }

    assert set(ACTIONS) == constants
    assert set(ACTIONS) >= set(INDEXES)


def test_every_use_case_works_as_the_functions_user(
    house: House, secured: Secured, admin: Database[Document]
) -> None:
    lived_in(house)
    patient = house.patient()
    attempt = house.hold(house.slot(starts_in=timedelta(days=20)), patient)
    house.resend(attempt, patient)
    house.users.put(User(id=patient, phone="+15550001"))
    quota = MongoCodeQuota(house.database, house.policy)
    taken = quota.take(user_id=patient, phone="+15550001")
    assert taken is not None
    quota.give_back(taken)
    for key in ("one", "two"):
        house.deliveries.claim(key)
    house.deliveries.mark_sent("one", "message")
    house.deliveries.give_up("two")
    MongoBookingLists(house.database).count(BookingFilter(user_id=patient))
    MongoCatalogue(house.database).page(DoctorFilter(), after=None, skip=0, limit=5)
    with running(SimulatedPayments()) as simulator:
        shop = Shop.open(house, simulator)
        booking = shop.verify().booking
        shop.house.cancel(booking.id, Caller(user_id=shop.alice, role=Role.PATIENT))
        shop.settle()
    house.seal()

    as_reader = _as(secured, admin, "read")
    with MongoClient[Document](as_reader, tz_aware=True) as client:
        found = list(check(client[admin.name], seal_grace=timedelta(0)))
        sealed = client[admin.name]["audit_seals"].count_documents({})
    assert found == []
    assert sealed == 1


def _refusals() -> dict[str, Callable[[Collection[Document]], object]]:
    return {
        "update": lambda c: c.update_one({}, {"$set": {"actor": "nobody"}}),
        "update many": lambda c: c.update_many({}, {"$unset": {"actor": ""}}),
        "upsert": lambda c: c.update_one({"_id": "new"}, {"$set": {"x": 1}}, upsert=True),
        "replace": lambda c: c.replace_one({}, {}),
        "find and modify": lambda c: c.find_one_and_update({}, {"$set": {"actor": "nobody"}}),
        "find and delete": lambda c: c.find_one_and_delete({}),
        "delete": lambda c: c.delete_one({}),
        "delete many": lambda c: c.delete_many({}),
        "drop": lambda c: c.database.command("drop", c.name),
        "rename": lambda c: c.rename("elsewhere"),
        "merge": lambda c: c.aggregate([{"$merge": {"into": c.name, "whenMatched": "replace"}}]),
        "out": lambda c: c.aggregate([{"$limit": 1}, {"$out": c.name}]),
        "cap": lambda c: c.database.command("convertToCapped", c.name, size=4096),
        "lapse": lambda c: c.create_index("at", expireAfterSeconds=1),
        "drop an index": lambda c: c.drop_indexes(),
        "validator": lambda c: c.database.command("collMod", c.name, validator={"x": 1}),
        "drop the database": lambda c: c.database.client.drop_database(c.database.name),
        "more rights": lambda c: c.database.command(
            "grantRolesToUser", "functions", roles=["dbOwner"]
        ),
    }


@pytest.mark.parametrize("collection", ["audit_logs", "audit_seals"])
def test_what_is_in_the_audit_log_stays_as_it_is(house: House, collection: str) -> None:
    house.book(house.slot(), house.patient())
    house.seal()
    before = list(house.database[collection].find())
    assert before

    for name, attempt in _refusals().items():
        with pytest.raises(OperationFailure) as refused:
            attempt(house.database[collection])
        assert refused.value.code == NOT_ALLOWED, name

    assert list(house.database[collection].find()) == before


def test_control_the_same_are_let_through_for_a_user_who_may(
    house: House, admin: Database[Document]
) -> None:
    """What is refused is refused for who asks, and not for how it is asked."""
    house.book(house.slot(), house.patient())
    changes = ("update", "update many", "upsert", "replace", "find and modify", "find and delete")

    for name in (*changes, "lapse", "delete", "delete many", "drop"):
        _refusals()[name](admin["audit_logs"])

    assert list(house.database["audit_logs"].find()) == []


def test_the_role_is_made_by_a_command_and_brought_up_to_date_by_it(
    secured: Secured, admin: Database[Document]
) -> None:
    admin.command("updateRole", ROLE, privileges=[], roles=["readWrite"])
    uri = secured.uri(database=admin.name)

    done = [
        subprocess.run(
            [sys.executable, "-m", "ops", "roles", "--mongo-uri", uri],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        for _ in range(2)
    ]

    told = f"role {ROLE} in {admin.name}: give it, alone, to the functions' user\n"
    assert [one.stdout for one in done] == [told, told]
    [role] = admin.command("rolesInfo", ROLE, showPrivileges=True)["roles"]
    granted = {p["resource"]["collection"]: set(p["actions"]) for p in role["inheritedPrivileges"]}
    assert granted == {name: set(actions) for name, actions in ACTIONS.items()}
