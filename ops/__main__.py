"""The operator's commands: progress to stderr, answers to stdout."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Protocol

from ops import (
    audit,
    backup,
    demote,
    dlq,
    drain,
    drill,
    erase,
    export,
    go_live,
    indexes,
    locks,
    outbox,
    promote,
    providers,
    release,
    restore,
    roles,
    seed,
    set_aside,
    slow,
    unlock,
)
from ops.check import command as check
from ops.stores import OpsError


class Command(Protocol):
    """A module that is a command."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it; the exit code."""
        ...


COMMANDS: Mapping[str, tuple[Command, str]] = {
    "go-live": (go_live, "tell what is missing before patients may come"),
    "check": (check, "read a database, and report each violated invariant"),
    "audit": (audit, "print the newest block of the audit log's chain, or seal what is left"),
    "providers": (providers, "the providers of SMS and email: how they do, which are in use"),
    "backup": (backup, "write the whole database as of one instant, and what changes after it"),
    "restore": (restore, "bring a backup back into an empty database, and check it"),
    "drill": (drill, "restore a backup into a fresh database, check it, and tell RPO and RTO"),
    "promote": (promote, "make the region that stands by the active one"),
    "demote": (demote, "let an active region stand by"),
    "roles": (roles, "create the database role of the functions' user"),
    "release": (release, "show which versions serve, and go back to those before"),
    "indexes": (indexes, "create the indexes, or see whether all are there and used"),
    "locks": (locks, "list who has which slot, and release one by force"),
    "dlq": (dlq, "show messages that failed for good, and bring them back"),
    "erase": (erase, "forget a person"),
    "export": (export, "tell all that is held about a person"),
    "set-aside": (set_aside, "list documents that could not be read, and put them back"),
    "outbox": (outbox, "tell what waits in the outbox, and for how long"),
    "drain": (drain, "wait until outbox and notification queue are empty"),
    "slow": (slow, "explain slow statements, without their values, and tell which lack an index"),
    "seed": (seed, "add doctors, schedules and free slots to try a system out with"),
    "unlock": (unlock, "let a user be sent codes again, who sent too many wrong ones"),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ops", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (command, does) in COMMANDS.items():
        command.add_arguments(commands.add_parser(name, help=does, description=command.__doc__))
    arguments = parser.parse_args()
    try:
        return COMMANDS[arguments.command][0].run(arguments)
    except OpsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
