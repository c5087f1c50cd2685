"""Doctors of a clinic with free slots, to try a system out with; what is there already stays.

Not for a system in use: refused where bookings exist of other doctors, or the environment is called
prod, unless --yes-really. Exit codes: 0 done; 1 refused; 2 the database does not answer.
"""

from __future__ import annotations

import argparse
import json
import sys

from pymongo.database import Database

from ops import demo_clinic, stores
from slotkeeper.adapters.mongo.documents import BOOKINGS, Document
from slotkeeper.adapters.mongo.indexes import create_indexes

MOST_DAYS = 366


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=int, default=30, metavar="N", help="of slots, from tomorrow")
    parser.add_argument("--dry-run", action="store_true", help="say what would be added")
    parser.add_argument("--yes-really", action="store_true", help="also where it is in use")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    stores.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.days <= MOST_DAYS:
        raise stores.OpsError(f"--days is 1 to {MOST_DAYS}")
    where = stores.named(arguments)
    with stores.opened(where) as (database, _):
        if (where.environment == "prod" or _is_used(database)) and not arguments.yes_really:
            print("this system is in use; --yes-really adds a demo clinic to it", file=sys.stderr)
            return 1
        if arguments.dry_run:
            added = demo_clinic.missing(database, days=arguments.days)
        else:
            create_indexes(database)
            added = demo_clinic.ensure(database, days=arguments.days)
    if arguments.json:
        print(json.dumps({"slots": added, "isDryRun": arguments.dry_run}))
    else:
        would = "would be added" if arguments.dry_run else "added"
        print(f"{added} free slots {would} for {len(demo_clinic.DOCTORS_OF_CLINIC)} doctors")
    return 0


def _is_used(database: Database[Document]) -> bool:
    doctors = [doctor["_id"] for doctor in demo_clinic.DOCTORS_OF_CLINIC]
    return database[BOOKINGS].find_one({"doctorId": {"$nin": doctors}}, {"_id": 1}) is not None
