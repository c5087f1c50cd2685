"""The plan of every statement that goes to MongoDB, asked for right before it is carried out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pymongo.monitoring
from pymongo import MongoClient

READS = {"find", "aggregate", "count", "distinct"}
WRITES = {"findAndModify", "update", "delete"}
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
        is_by_index = not self.stages & {"COLLSCAN", "SORT"}
        return is_by_index and self.examined <= 2 * self.returned + 1


@dataclass
class Explained:
    client: MongoClient[dict[str, Any]]
    plans: list[Plan] = field(default_factory=list)
    unread: list[Exception] = field(default_factory=list)
    """What kept an explanation from being read: the driver swallows what its listeners raise."""

    @property
    def unbounded(self) -> list[Plan]:
        return [plan for plan in self.plans if not plan.is_bounded]

    def add(self, name: str, database: str, command: dict[str, Any]) -> None:
        for statement in _statements(name, command):
            explained = self.client[database].command(
                "explain", statement, verbosity="executionStats"
            )
            self.plans += [_plan(statement, part) for part in _parts(explained)]


_current: Explained | None = None


class _Explain(pymongo.monitoring.CommandListener):
    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        if _current is not None and event.command_name in READS | WRITES:
            try:
                _current.add(event.command_name, event.database_name, dict(event.command))
            except Exception as error:  # noqa: BLE001  # raised at the block's end
                _current.unread.append(error)

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        pass


pymongo.monitoring.register(_Explain())


@contextmanager
def explained(client: MongoClient[dict[str, Any]]) -> Iterator[Explained]:
    """Explain every statement of the block that can be; `client` asks."""
    global _current  # noqa: PLW0603  # the driver's listeners are global
    _current = made = Explained(client)
    try:
        yield made
    finally:
        _current = None
    if made.unread:
        raise ExceptionGroup("statements that could not be explained", made.unread)


def _statements(name: str, command: dict[str, Any]) -> list[dict[str, Any]]:
    plain = {key: value for key, value in command.items() if key not in _OF_THE_CALL}
    many = {"update": "updates", "delete": "deletes"}.get(name)
    if many is None:
        return [plain]
    return [{name: plain[name], many: [one]} for one in plain[many]]


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
        frozenset(_stages(part["queryPlanner"]["winningPlan"])),
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


def _stages(plan: Any) -> Iterator[str]:  # Any: an explanation is free JSON
    if isinstance(plan, list):
        for one in plan:
            yield from _stages(one)
    elif isinstance(plan, dict):
        if "stage" in plan:
            yield plan["stage"]
        for one in plan.values():
            yield from _stages(one)
