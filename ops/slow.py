"""Statements that are slow: what they are, how often, what they read, and why.

Never their values, which may be somebody's ids. Read from the database's profile, which --on starts
(off by default: it writes down each slow statement with its values; --off removes it), else from
the server's log of the last slow ones; and from what runs right now. What the user may not look at
is left out, and told. Each is explained: COLLSCAN and SORT are done for want of an index, and so is
reading much more than is returned.

Exit codes: 0 none is slow for want of an index, or the profile is set; 1 some are; 2 the database
does not answer.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from ops import stores
from ops.queries import seen
from ops.queries.plans import Path, path_of
from ops.queries.seen import Seen
from ops.queries.shape import shape_of
from ops.telling import answer, say
from slotkeeper.adapters.mongo.documents import Document

TOP = 20
SLOW_MS = 100
EXPLAIN_MS = 5_000
TOO_MANY = 10
"""Documents or keys read for one returned, beyond `AT_LEAST`: another index would read less."""
AT_LEAST = 100
_UNAUTHORIZED = 13


@dataclass(slots=True)
class Slow:
    """Statements of one shape."""

    shape: str
    newest: Seen
    count: int = 0
    most_ms: int = 0
    total_ms: int = 0
    docs: int = 0
    keys: int = 0
    returned: int = 0
    sources: set[str] = field(default_factory=set)
    path: Path | None = None

    def add(self, one: Seen) -> None:
        self.count += 1
        self.most_ms = max(self.most_ms, one.ms)
        self.total_ms += one.ms
        self.docs += one.docs
        self.keys += one.keys
        self.returned += one.returned
        self.sources.add(one.source)

    @property
    def lacks(self) -> str | None:
        """What is done for want of an index; None where nothing is."""
        stages = self.path.stages if self.path else self.newest.stages
        if "COLLSCAN" in stages:
            return "reads the whole collection: no index serves it"
        if "SORT" in stages:
            return "sorts what it finds: no index has it in order"
        read = max(self.docs, self.keys)
        if read > AT_LEAST * self.count and read > TOO_MANY * self.returned:
            return "reads much more than it returns: no index is narrow enough"
        return None

    @property
    def as_json(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "count": self.count,
            "maxMs": self.most_ms,
            "totalMs": self.total_ms,
            "docsExamined": self.docs,
            "keysExamined": self.keys,
            "returned": self.returned,
            "plan": self.path.told if self.path else None,
            "lacks": self.lacks,
            "from": sorted(self.sources),
        }

    @property
    def line(self) -> str:
        read = f"docs {self.docs:,} keys {self.keys:,} returned {self.returned:,}"
        plan = self.path.told if self.path else "not explained"
        why = f"\n    {self.lacks}" if self.lacks else ""
        times = f"{self.count:,} times, up to {self.most_ms:,} ms"
        return f"{self.shape}\n    {times}; {read}; plan: {plan}{why}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    switch = parser.add_mutually_exclusive_group()
    switch.add_argument("--on", action="store_true", help="begin to keep slow statements")
    switch.add_argument("--off", action="store_true", help="stop it, and remove what was kept")
    parser.add_argument(
        "--ms", type=int, default=SLOW_MS, metavar="MS", help="slower than (default: %(default)s)"
    )
    parser.add_argument("--top", type=int, default=TOP, metavar="N", help="default: %(default)s")
    parser.add_argument("--dry-run", action="store_true", help="with --on, --off: only say so")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    stores.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.ms < 0 or arguments.top < 1:
        raise stores.OpsError("--ms is at least 0, --top at least 1")
    with stores.opened(stores.named(arguments)) as (database, _):
        if arguments.on or arguments.off:
            return _switch(database, arguments)
        found = slow(database, least_ms=arguments.ms)
        for one in found[: arguments.top]:
            answer(one.as_json, as_json=arguments.json, line=one.line)
    lacking = sum(one.lacks is not None for one in found)
    say(f"{len(found)} kinds of statements, {lacking} for want of an index")
    if lacking:
        say("is one of ours missing? python -m ops indexes validate")
    return 1 if lacking else 0


def slow(database: Database[Document], *, least_ms: int) -> list[Slow]:
    """By the time they took together, the most first."""
    by_shape: dict[str, Slow] = {}
    for one in _seen(database):
        if one.ms < least_ms:
            continue
        shape = shape_of(one.statement)
        by_shape.setdefault(shape, Slow(shape=shape, newest=one)).add(one)
    for each in by_shape.values():
        each.path = _explained(database, each.newest.statement)
    return sorted(by_shape.values(), key=lambda each: -each.total_ms)


def _seen(database: Database[Document]) -> Iterator[Seen]:
    try:
        level, kept = seen.profile_level(database)
    except OperationFailure as error:
        if error.code != _UNAUTHORIZED:
            raise
        level, kept = 0, False
    sources: list[tuple[str, Callable[[], Iterator[Seen]]]] = []
    if kept:
        sources.append(("the profile", lambda: seen.profiled(database)))
    else:
        sources.append(("the server's log", lambda: seen.logged(database)))
    sources.append(("what runs now", lambda: seen.running(database)))
    if not level:
        say("the profile is off: `slow --on --ms 50` keeps each slow statement from now on")
    for name, source in sources:
        try:
            yield from source()
        except OperationFailure as error:
            if error.code != _UNAUTHORIZED:
                raise
            say(f"{name} is left out: the user may not read it (role clusterMonitor)")


def _explained(database: Database[Document], statement: Mapping[str, Any]) -> Path | None:
    try:
        return path_of(database, dict(statement), within_ms=EXPLAIN_MS)
    except OperationFailure:
        return None  # cut short in the log, or the like: told as not explained


def _switch(database: Database[Document], arguments: argparse.Namespace) -> int:
    level = 1 if arguments.on else 0
    told = {"profile": level, "slowMs": arguments.ms, "isDryRun": arguments.dry_run}
    does = "would be" if arguments.dry_run else "is"
    if arguments.on:
        line = f"what takes {arguments.ms} ms or longer {does} kept, with its values, until --off"
    else:
        line = f"the profile {does} off, and what it kept {does} removed"
    if not arguments.dry_run:
        database.command("profile", level, slowms=arguments.ms)
        if arguments.off:
            database.drop_collection(seen.PROFILE)
    answer(told, as_json=arguments.json, line=line)
    return 0
