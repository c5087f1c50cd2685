"""Let an active region stand by: its stack answers writes 503, its schedules and consumers rest.

The first step of a planned failover, and of one in which the failing region can still be reached:
what is under way there ends within a minute, and what waits in its queue waits.

Exit codes: 0 it stands by (or would); 2 it could not be done.
"""

from __future__ import annotations

import argparse

from ops import queues
from ops.recovery import report
from ops.recovery.stacks import PARAMETER, Stack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="change nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    queues.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    return carry_out(queues.account(arguments), arguments)


def carry_out(account: queues.Account, arguments: argparse.Namespace) -> int:
    """Let that stack stand by."""
    with queues.answering():
        stack = Stack(account)
        before = stack.parameters().get(PARAMETER)
        if not arguments.dry_run:
            stack.update(standby=True)
    told = f"{account.stack} {'would stand' if arguments.dry_run else 'stands'} by"
    figures = {"stack": account.stack, "before": before, "dryRun": arguments.dry_run}
    report.tell(figures, f"{told} ({PARAMETER} was {before})", as_json=arguments.json)
    return 0
