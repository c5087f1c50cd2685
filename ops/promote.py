"""Make the region that stands by the active one: checks first, then its stack's one parameter.

Checked are the stack, its secrets, that the database here takes writes, and every invariant as of
the last event that arrived. Then the stack is updated with Standby=false, its template and all else
as they are: writes are taken, schedules and consumers work. Sending callers here is the step after
it, and is done by hand (docs/disaster-recovery.md): the DNS name of the API.

Exit codes: 0 it is active (or would be); 1 something speaks against it; 2 it could not be done.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

from pymongo.database import Database

from ops import drills, queues, stores
from ops.recovery import report
from ops.recovery.readiness import findings
from ops.recovery.stacks import Stack
from slotkeeper.adapters.mongo.documents import Document

KIND = "promote"
BY_HAND = "by hand: point the API's DNS name at this region, and see GET /health tell mode=active"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stack-name", metavar="NAME", help="the deployed stack that stands by")
    parser.add_argument("--endpoint-url", metavar="URL", help="other than AWS's own")
    parser.add_argument("--dry-run", action="store_true", help="check, and change nothing")
    parser.add_argument(
        "--despite", action="store_true", help="go on though something speaks against it"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    stores.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    where = replace(stores.named(arguments), redis_url=None)
    with stores.opened(where) as (database, _):
        return carry_out(queues.account(arguments), database, arguments)


def carry_out(
    account: queues.Account, database: Database[Document], arguments: argparse.Namespace
) -> int:
    """Promote that stack, if nothing speaks against it."""
    with queues.answering():
        stack = Stack(account)
        found = list(findings(account, stack, database))
        against = [one for one in found if not one.is_so]
        is_done = not arguments.dry_run and (not against or arguments.despite)
        if is_done:
            _promote(stack, database, [one.told for one in against])
    told = "active" if is_done else "nothing was changed"
    lines = [f"{'ok' if one.is_so else 'NO':3} {one.what}: {one.told}" for one in found]
    figures = {
        "stack": account.stack,
        "outcome": told,
        "findings": [{"what": f.what, "isSo": f.is_so, "told": f.told} for f in found],
        "next": BY_HAND,
    }
    report.tell(figures, "\n".join([*lines, told, BY_HAND]), as_json=arguments.json)
    return 1 if against and not is_done else 0


def _promote(stack: Stack, database: Database[Document], despite: list[str]) -> None:
    # A write before anything is changed: a database that refuses it ends the promotion here.
    began = time.monotonic()
    drills.record(database, KIND, "begun", {"stack": stack.name, "despite": despite})
    try:
        stack.update(standby=False)
    except stores.OpsError as error:
        drills.record(database, KIND, "failed", {"stack": stack.name, "error": str(error)})
        raise
    seconds = round(time.monotonic() - began, 1)
    drills.record(database, KIND, "passed", {"stack": stack.name, "seconds": seconds})
