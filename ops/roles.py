"""Create, or bring up to date, the database role that the functions' user needs, and no more.

In the audit log and its chain it may insert and find: neither update nor delete, nor drop. Run it
as a user who may manage roles, after `make indexes`; then give the functions a user with this role.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from ops.stores import add_arguments as add_stores
from ops.stores import named, opened
from slotkeeper.adapters.mongo.documents import (
    AUDIT_LOGS,
    AUDIT_SEALS,
    BOOKINGS,
    CONTROLS,
    DELIVERIES,
    DOCTORS,
    OUTBOX,
    QUOTAS,
    SAGAS,
    SCHEDULES,
    SLOTS,
    USERS,
    Document,
)

ROLE = "slotkeeper_functions"
_APPENDS = ("find", "insert")
_CHANGES = (*_APPENDS, "update")
_REMOVES = (*_CHANGES, "remove")

ACTIONS: Mapping[str, tuple[str, ...]] = {
    AUDIT_LOGS: _APPENDS,
    AUDIT_SEALS: _APPENDS,
    SCHEDULES: _APPENDS,
    BOOKINGS: _CHANGES,
    DOCTORS: _CHANGES,
    OUTBOX: _CHANGES,
    SAGAS: _CHANGES,
    USERS: _CHANGES,
    DELIVERIES: _REMOVES,
    QUOTAS: _REMOVES,
    SLOTS: _REMOVES,
    CONTROLS: ("find",),
}
"""What the functions do in each collection."""

_NO_SUCH_ROLE = 31


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_stores(parser)


def run(arguments: argparse.Namespace) -> int:
    with opened(named(arguments)) as (database, _):
        grant(database)
        print(f"role {ROLE} in {database.name}: give it, alone, to the functions' user")
    return 0


def grant(database: Database[Document]) -> None:
    """Make the role as it is here, whatever it was."""
    how: Mapping[str, Any] = {"privileges": privileges(database.name), "roles": []}  # Any: BSON
    try:
        database.command("updateRole", ROLE, **how)
    except OperationFailure as error:
        if error.code != _NO_SUCH_ROLE:
            raise
        database.command("createRole", ROLE, **how)


def privileges(database: str) -> list[Document]:
    return [
        {"resource": {"db": database, "collection": name}, "actions": list(actions)}
        for name, actions in ACTIONS.items()
    ]
