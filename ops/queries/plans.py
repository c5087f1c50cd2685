"""How MongoDB carries a statement out, read from its explanation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from slotkeeper.adapters.mongo.documents import Document

READS = frozenset({"find", "aggregate", "count", "distinct"})
WRITES = frozenset({"findAndModify", "findandmodify", "update", "delete"})
SCANS = frozenset({"COLLSCAN", "SORT"})
"""What a statement with an index of its own does without."""
_OF_THE_CALL = {
    *("lsid", "txnNumber", "startTransaction", "autocommit", "stmtIds", "maxTimeMS"),
    *("readConcern", "writeConcern", "$db", "$clusterTime", "$readPreference"),
}


@dataclass(frozen=True)
class Plan:
    """How one statement is carried out.

    `returned` are the documents that come out of the access path: those a find answers, a count or
    an aggregation goes on with, an update or delete matches.
    """

    statement: dict[str, Any]
    stages: frozenset[str]
    examined: int
    returned: int

    @property
    def is_bounded(self) -> bool:
        """By an index, in its order, and reading next to nothing but what comes out."""
        return not self.stages & SCANS and self.examined <= 2 * self.returned + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """The way to the documents that the planner would choose, without having gone it."""

    stages: frozenset[str]
    indexes: frozenset[str]

    @property
    def is_by_index(self) -> bool:
        return not self.stages & SCANS and bool(self.stages)

    @property
    def told(self) -> str:
        """In a few words: the index, or what is done for want of one."""
        scans = sorted(self.stages & SCANS)
        if scans:
            return "+".join(scans)
        return ", ".join(sorted(self.indexes)) or "_id"


def statements_of(name: str, command: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The command's statements, each as `explain` takes it."""
    plain = {key: value for key, value in command.items() if key not in _OF_THE_CALL}
    many = {"update": "updates", "delete": "deletes"}.get(name)
    if many is None:
        return [plain]
    return [{name: plain[name], many: [one]} for one in plain[many]]


def plans_of(database: Database[Document], statement: dict[str, Any]) -> list[Plan]:
    """How it would be carried out, tried out; nothing is written by it."""
    explained = database.command("explain", statement, verbosity="executionStats")
    return [_plan(statement, part) for part in _parts(explained)]


def path_of(database: Database[Document], statement: dict[str, Any], *, within_ms: int) -> Path:
    """The way that is chosen for it; no document is read."""
    explained = database.command(
        "explain", statement, verbosity="queryPlanner", maxTimeMS=within_ms
    )
    winners = list(_winners(explained))
    return Path(
        stages=frozenset(_named(winners, "stage")), indexes=frozenset(_named(winners, "indexName"))
    )


def _winners(found: Any) -> Iterator[Any]:  # Any: an explanation is free JSON
    """The plans that were chosen: of each shard, of each part of a pipeline."""
    if isinstance(found, list):
        for one in found:
            yield from _winners(one)
    elif isinstance(found, dict):
        for key, one in found.items():
            if key == "winningPlan":
                yield one
            elif key not in {"command", "rejectedPlans"}:
                yield from _winners(one)


def _parts(found: Any) -> Iterator[dict[str, Any]]:  # Any: an explanation is free JSON
    """The parts of an explanation that tell of an access path: of the statement, of a `$lookup`."""
    if isinstance(found, list):
        for one in found:
            yield from _parts(one)
    elif isinstance(found, dict):
        if "executionStats" in found or "$lookup" in found:
            yield found
        else:
            for key, one in found.items():
                if key != "command":  # what was asked, repeated
                    yield from _parts(one)


def _plan(statement: dict[str, Any], part: dict[str, Any]) -> Plan:
    if "$lookup" in part:
        scans = {"COLLSCAN"} if int(part["collectionScans"]) else set[str]()
        examined, returned = int(part["totalDocsExamined"]), int(part["totalDocsExamined"])
        return Plan(statement, frozenset(scans), examined, returned)
    stats = part["executionStats"]
    returned = max(stats["nReturned"], *_matched(stats["executionStages"]))
    return Plan(
        statement,
        frozenset(_named(part["queryPlanner"]["winningPlan"], "stage")),
        stats["totalDocsExamined"],
        returned,
    )


def _matched(stage: dict[str, Any]) -> list[int]:
    """What updates and deletes match, and what a group is made of."""
    found = [stage.get("nMatched", 0), stage.get("nWouldDelete", 0)]
    inner = stage.get("inputStage")
    if inner is None:
        return found
    grouped = [inner["nReturned"]] if stage["stage"].lower() == "group" else []
    return found + grouped + _matched(inner)


def _named(plan: Any, name: str) -> Iterator[str]:  # Any: an explanation is free JSON
    if isinstance(plan, list):
        for one in plan:
            yield from _named(one, name)
    elif isinstance(plan, dict):
        if isinstance(plan.get(name), str):
            yield plan[name]
        for one in plan.values():
            yield from _named(one, name)
