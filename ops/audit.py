"""The audit log's chain: print its newest block, seal what is left, and take texts out of entries.

`head` prints N:HASH, to be kept where nobody who can write to the database can: what is sealed so
far cannot be changed without `ops check --audit-head N:HASH` seeing it. `seal` seals everything
that is in no block, also what the function looks for no more. `forget-texts` removes what earlier
versions kept in entries of what people wrote (reasons, names), which is sealed by then in no block,
and seals those entries: it is the only command that changes an entry, and needs a user who may.
"""

from __future__ import annotations

import argparse
import sys

from pymongo.database import Database

from ops.stores import OpsError, named, opened
from ops.stores import add_arguments as add_stores
from slotkeeper.adapters.mongo.documents import AUDIT_LOGS, Document
from slotkeeper.adapters.mongo.seals import MongoSeals
from slotkeeper.bootstrap import SystemClock
from slotkeeper.domain.errors import Corrupted, Unavailable
from slotkeeper.services.seal_audit import seal_audit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("head", "seal", "forget-texts"))
    add_stores(parser)


def run(arguments: argparse.Namespace) -> int:
    with opened(named(arguments)) as (database, _):
        try:
            if arguments.what == "forget-texts":
                print(f"texts taken out of {forget_texts(database):,} entries", file=sys.stderr)
            if arguments.what != "head":
                print(f"{seal(database):,} entries sealed", file=sys.stderr)
            head = MongoSeals(database).head()
        except (Unavailable, Corrupted) as error:
            raise OpsError(f"the chain cannot be read or extended: {error}") from error
    if head is None:
        raise OpsError("there is no block yet: nothing was sealed")
    print(head)
    return 0


def seal(database: Database[Document]) -> int:
    """Seal everything that is in no block; how many entries."""
    seals, total = MongoSeals(database), 0
    for everything in (False, True):
        while True:
            done = seal_audit(
                seals=seals, clock=SystemClock(), has_time=lambda: True, everything=everything
            )
            total += done.entries
            if not done.is_outrun:
                break
    return total


def forget_texts(database: Database[Document]) -> int:
    """Take out of entries of earlier versions what people wrote; how many there were.

    None of them is sealed: the sealing leaves out what holds a text.
    """
    held = {
        "recordedAt": None,
        "$or": [{"reason": {"$ne": None}}, {"details.name": {"$ne": None}}],
    }
    taken = {"$unset": {"reason": "", "details.name": ""}}
    # The one place: what people wrote is no part of a chain.
    entries = database[AUDIT_LOGS]  # nosemgrep: audit-log-rewritten  # only what is not sealed
    return entries.update_many(held, taken).modified_count
