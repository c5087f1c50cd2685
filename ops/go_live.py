"""What is missing before patients may come: each point looks for itself, and says how to mend it.

The points are the scaling guide's (marked *) and some more. What cannot be seen counts as missing:
name the stores, the stack, and a file with a patient's token ("-" for stdin). With --local, what no
system on one machine has is told as "not here" and is not missed. --record writes down a drill that
no command holds by itself: who was there says that it was.

Exit codes: 0 all is there; 1 something is missing; 2 a store does not answer.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from ops import drills, queues, stores
from ops.golive.ground import Ground, Missing, Point
from ops.golive.points import POINTS
from ops.stores import OpsError
from ops.telling import answer, say, table

THERE, MISSING, NOT_HERE = "there", "missing", "not here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A point, and how it is."""

    point: Point
    state: str
    told: str

    @property
    def as_json(self) -> dict[str, Any]:
        point = self.point
        mend = point.mend if self.state == MISSING else None
        about = {"id": point.id, "title": point.title, "isOfTheGuide": point.guide}
        return {**about, "state": self.state, "told": self.told, "mend": mend}

    @property
    def row(self) -> Sequence[str]:
        mark = {THERE: "[x]", MISSING: "[ ]", NOT_HERE: "[-]"}[self.state]
        told = f"not here: {self.told}" if self.state == NOT_HERE else self.told
        mend = f"\n      -> {self.point.mend}" if self.state == MISSING else ""
        return (mark, f"{self.point.title}{' *' if self.point.guide else ''}", f"{told}{mend}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--local", action="store_true", help="of a system on one machine")
    parser.add_argument("--json", action="store_true", help="one JSON object a point")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="a patient's token")
    parser.add_argument("--api-url", metavar="URL", help="other than the stack's output")
    parser.add_argument("--record", choices=drills.KINDS, help="a drill that was held")
    parser.add_argument("--outcome", choices=["passed", "failed"], default="passed")
    parser.add_argument("--dry-run", action="store_true", help="with --record: only say so")
    stores.add_arguments(parser)
    queues.add_stack_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    where = stores.named(arguments)
    has_stack = bool(arguments.stack_name or arguments.stack)
    account = queues.account(arguments) if has_stack else None
    token = _token(arguments.token_file)
    with stores.opened(where) as (database, redis):
        if arguments.record:
            return _record(database, arguments)
        ground = Ground(
            where=where,
            database=database,
            redis=redis,
            account=account,
            api_url=arguments.api_url or _api_of(arguments),
            token=token,
        )
        found = []
        for number, one in enumerate(checked(ground, is_local=arguments.local), 1):
            say(f"{number} of {len(POINTS)}: {one.point.id}: {one.state}")
            found.append(one)
    if arguments.json:
        for one in found:
            answer(one.as_json, as_json=True, line="")
    else:
        print("\n".join(table([one.row for one in found])))
    states = Counter(one.state for one in found)
    say(", ".join(f"{states[state]} {state}" for state in (THERE, MISSING, NOT_HERE)))
    return 1 if states[MISSING] else 0


def checked(ground: Ground, *, is_local: bool) -> Iterator[Found]:
    """Each point, as it is found."""
    for point in POINTS:
        state, told = _looked(point, ground)
        if state == MISSING and is_local and point.not_here:
            state, told = NOT_HERE, point.not_here
        yield Found(point=point, state=state, told=told)


def _looked(point: Point, ground: Ground) -> tuple[str, str]:
    try:
        with queues.answering():
            return THERE, point.check(ground)
    except (Missing, OpsError) as error:
        return MISSING, str(error)
    except (PyMongoError, RedisError, OSError) as error:
        return MISSING, f"cannot be seen: {type(error).__name__}"


def _record(database: Any, arguments: argparse.Namespace) -> int:  # Any: Database of documents
    told = {"kind": arguments.record, "outcome": arguments.outcome, "isDryRun": arguments.dry_run}
    if not arguments.dry_run:
        drills.record(database, arguments.record, arguments.outcome, {"by": "operator"})
    does = "would be written down" if arguments.dry_run else "written down"
    line = f"{does}: {arguments.record} {arguments.outcome}"
    answer(told, as_json=arguments.json, line=line)
    return 0


def _token(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise OpsError(f"{file} cannot be read as a token") from error
    token = text.strip()
    if not token or not token.isascii() or len(token.split()) != 1:
        raise OpsError(f"{file} holds no token")
    return token


def _api_of(arguments: argparse.Namespace) -> str | None:
    """What a local system's file says, which was read before."""
    if not arguments.stack or arguments.stack_name:
        return None
    told = json.loads(arguments.stack.read_text()).get("api_url")
    return told if isinstance(told, str) else None
