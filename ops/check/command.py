"""`python -m ops check`: 0 nothing found, 1 violations, 2 it could not be checked."""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from datetime import timedelta

from ops.check import GRACE, LONGEST_HOLD, SEAL_GRACE, check
from ops.check.report import as_json, as_text, progress_to, summary, to_stdout
from ops.stores import add_arguments as add_stores
from ops.stores import named, opened

_HEAD = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_stores(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--grace",
        type=seconds,
        default=GRACE,
        metavar="SECONDS",
        help="what is under way for less is no violation (default: %(default)s)",
    )
    parser.add_argument(
        "--longest-hold",
        type=seconds,
        default=LONGEST_HOLD,
        metavar="SECONDS",
        help="the system's HoldSeconds (default: %(default)s)",
    )
    parser.add_argument(
        "--seal-grace",
        type=seconds,
        default=SEAL_GRACE,
        metavar="SECONDS",
        help="how long an audit entry may be in no block of the chain (default: %(default)s)",
    )
    parser.add_argument(
        "--audit-head",
        type=head,
        action="append",
        default=[],
        metavar="N:HASH",
        help="a block of the audit chain as it was noted elsewhere; may be given several times",
    )
    parser.add_argument("--limit", type=count, metavar="N", help="stop after so many violations")


def run(arguments: argparse.Namespace) -> int:
    found: Counter[str] = Counter()
    read: Counter[str] = Counter()
    stores = named(arguments)
    line = as_json if arguments.json else as_text
    is_cut = False
    with opened(stores) as (database, redis):
        violations = check(
            database,
            redis,
            environment=stores.environment,
            grace=arguments.grace,
            longest_hold=arguments.longest_hold,
            seal_grace=arguments.seal_grace,
            heads=dict(arguments.audit_head),
            progress=progress_to(sys.stderr, read),
        )
        for violation in violations:
            to_stdout(line(violation))
            found[violation.rule] += 1
            if found.total() == arguments.limit:
                is_cut = True
                break
    without = "" if stores.redis_url else " (Redis was not looked at)"
    # A program that reads the lines gets nothing but them.
    print(
        summary(found, read, is_cut=is_cut) + without,
        file=sys.stderr if arguments.json else sys.stdout,
    )
    return 1 if found else 0


def seconds(text: str) -> timedelta:
    seconds = float(text)
    if not 0 <= seconds <= timedelta(days=365).total_seconds():
        raise argparse.ArgumentTypeError("seconds, from 0 to a year")
    return timedelta(seconds=seconds)


def head(text: str) -> tuple[int, str]:
    found = _HEAD.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError("a block's number and hash, as `ops audit head` prints it")
    return int(found[1]), found[2]


def count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a number from 1 on")
    return number
