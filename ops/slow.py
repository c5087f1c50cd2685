"""Slow statements of MongoDB: what they are like, how they are carried out, which lack an index.

`on` has MongoDB note the database's statements that take longer than --ms (its profiler, until
`off`); `show` tells what it noted, or what runs at this moment where it notes nothing. No values.
Exit codes: 0 no statement lacks an index; 1 one does; 2 MongoDB does not answer, or not to you.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from ops import stores
from slotkeeper.adapters.mongo.documents import Document

MOST = 5_000
"""Noted statements that are looked at, the newest."""
READS_MUCH = 20
"""Documents read for each that is answered: then the index does not fit."""
_WHOLE = 100
"""So few are read quickly whatever the index."""
_OF_THE_SESSION = ("lsid", "$clusterTime", "$db", "txnNumber", "autocommit", "startTransaction")
_COMMANDS = ("find", "aggregate", "update", "delete", "findAndModify", "insert", "count", "getMore")
Shape = Mapping[str, Any]  # Any: a statement without its values


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Those of one shape."""

    collection: str
    shape: str
    count: int
    slowest_ms: int
    examined: int
    returned: int
    plan: str

    @property
    def lacks_index(self) -> bool:
        return "COLLSCAN" in self.plan or (
            self.examined > _WHOLE and self.examined > READS_MUCH * max(1, self.returned)
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["show", "on", "off"], nargs="?", default="show")
    parser.add_argument("--ms", type=int, default=100, metavar="N", help="`on`: slower than this")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="shapes to be shown")
    parser.add_argument("--dry-run", action="store_true", help="`on`, `off`: say what is set now")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    stores.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.ms < 0 or arguments.limit < 1:
        raise stores.OpsError("--ms is at least 0, --limit at least 1")
    with stores.opened(stores.named(arguments)) as (database, _):
        if arguments.action == "show":
            return _show(database, arguments)
        if not arguments.dry_run:
            level = 1 if arguments.action == "on" else 0
            database.command("profile", level, slowms=arguments.ms)
        known = database.command("profile", -1)
        is_on = "on" if known["was"] else "off"
        print(f"profiler {is_on} for {database.name}, slower than {known['slowms']} ms")
    return 0


def _show(database: Database[Document], arguments: argparse.Namespace) -> int:
    found = statements(database)
    for one in found[: arguments.limit]:
        if arguments.json:
            print(json.dumps({**asdict(one), "lacksIndex": one.lacks_index}))
            continue
        advice = "  <- lacks an index" if one.lacks_index else ""
        print(f"{one.collection}  {one.count} times, up to {one.slowest_ms} ms{advice}")
        print(f"    {one.shape}")
        print(f"    {one.plan}; {one.examined} read for {one.returned} answered")
    if not found:
        print(
            "nothing slow" if is_noting(database) else "nothing slow runs now; `slow on` notes it"
        )
    return 1 if any(one.lacks_index for one in found) else 0


def is_noting(database: Database[Document]) -> bool:
    return bool(database.command("profile", -1)["was"])


def statements(database: Database[Document]) -> list[Statement]:
    """By shape, those that took longest first. Raises PyMongoError."""
    noted = database["system.profile"].find({"ns": {"$ne": f"{database.name}.system.profile"}})
    rows = list(noted.sort("$natural", -1).limit(MOST))
    if not rows and not is_noting(database):
        rows = list(_running(database))
    by_shape: dict[tuple[str, str], list[Document]] = {}
    for row in rows:
        collection = str(row.get("ns", "")).partition(".")[2]
        shape = json.dumps(shape_of(_stated(row)), default=str)
        by_shape.setdefault((collection, shape), []).append(row)
    found = [
        _statement(database, collection, shape, rows)
        for (collection, shape), rows in by_shape.items()
    ]
    return sorted(found, key=lambda one: -one.slowest_ms)


def _running(database: Database[Document]) -> Iterable[Document]:
    """What runs for longer than a second at this moment."""
    # It takes no read concern.
    admin = database.client.get_database("admin", read_concern=ReadConcern())
    found = admin.aggregate(
        [
            {"$currentOp": {}},
            {"$match": {"ns": {"$regex": f"^{database.name}\\."}, "secs_running": {"$gte": 1}}},
        ]
    )
    for row in found:
        yield {**row, "millis": int(row.get("microsecs_running", 0)) // 1000}


def _statement(
    database: Database[Document], collection: str, shape: str, rows: Sequence[Document]
) -> Statement:
    worst = max(rows, key=lambda row: int(row.get("millis", 0)))
    return Statement(
        collection=collection,
        shape=shape,
        count=len(rows),
        slowest_ms=int(worst.get("millis", 0)),
        examined=int(worst.get("docsExamined", 0)),
        returned=_returned(worst),
        plan=_plan(database, worst),
    )


def _returned(row: Document) -> int:
    """Documents answered or changed."""
    found = (row.get(name) for name in ("nreturned", "nModified", "nMatched", "ndeleted"))
    return int(next((count for count in found if count is not None), 0))


def _plan(database: Database[Document], row: Document) -> str:
    """How it is carried out now, as `explain` says; else how it was."""
    stated = {k: v for k, v in _stated(row).items() if k not in _OF_THE_SESSION}
    name = next((name for name in _COMMANDS if name in stated), None)
    then = str(row.get("planSummary") or "no plan")
    if name not in ("find", "aggregate", "count", "findAndModify"):
        return then
    # A command's name comes first in it.
    command = {name: stated.pop(name), **stated}
    try:
        told = database.command("explain", command, verbosity="queryPlanner")
    except OperationFailure:
        return then
    return " < ".join(_stages(told)) or then


def _stages(told: Mapping[str, Any]) -> list[str]:
    if "stages" in told:
        return _stages(told["stages"][0].get("$cursor", {}))
    plan = told.get("queryPlanner", {}).get("winningPlan", {})
    plan = plan.get("queryPlan", plan)
    found: list[str] = []
    while plan:
        index = f" {plan['indexName']}" if "indexName" in plan else ""
        found.append(f"{plan.get('stage', '?')}{index}")
        plan = plan.get("inputStage") or next(iter(plan.get("inputStages", [])), None)
    return found


def _stated(row: Document) -> dict[str, Any]:
    return dict(row.get("originatingCommand") or row.get("command") or {})


def shape_of(stated: Any) -> Any:
    """The statement without its values: nobody's data, and the same for all that are alike."""
    if not isinstance(stated, Mapping):
        return "?"
    return {
        str(name): _part(name, value)
        for name, value in stated.items()
        if name not in _OF_THE_SESSION and not str(name).startswith("$readPreference")
    }


def _part(name: object, value: Any) -> Any:
    if name in (*_COMMANDS, "sort", "hint", "projection", "fields"):
        return _named(value)
    if isinstance(value, Mapping):
        return shape_of(value)
    if isinstance(value, list):
        parts = [shape_of(one) if isinstance(one, Mapping) else "?" for one in value]
        return parts if any(isinstance(one, Mapping) for one in value) else ["?"]
    return "?"


def _named(value: Any) -> Any:
    """A collection, or fields with a direction: nothing of anybody's."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and all(isinstance(one, int | float) for one in value.values()):
        return {str(name): int(one) for name, one in value.items()}
    return shape_of(value)
