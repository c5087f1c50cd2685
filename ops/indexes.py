"""Create the indexes, or see whether they are there, as they are meant, and used.

`create` makes what is missing, collection by collection; it is harmless to repeat, and a system at
work goes on meanwhile. What is there under the same name and is another index is left as it is:
drop it first. `validate` compares every index with its definition, and has MongoDB explain every
statement that requests and sweeps send, without carrying it out: each is to go by an index.

Exit codes: 0 all there and used; 1 something is missing, differs, is unknown or is not used; 2 the
database does not answer.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from ops import stores
from ops.queries.critical import Critical, critical
from ops.queries.plans import path_of
from ops.queries.shape import shape_of
from ops.telling import answer, say
from slotkeeper.adapters.mongo.documents import Document
from slotkeeper.adapters.mongo.indexes import INDEXES

EXPLAIN_MS = 5_000
_NO_COLLECTION = 26
_OWN = "_id_"
_COMPARED = ("key", "unique", "sparse", "expireAfterSeconds", "partialFilterExpression")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with an index, or with how a statement is carried out."""

    what: str
    """missing, differs, unknown, or not used."""
    collection: str
    name: str
    told: str

    @property
    def as_json(self) -> dict[str, str]:
        named = {"what": self.what, "collection": self.collection, "name": self.name}
        return {**named, "told": self.told}

    @property
    def line(self) -> str:
        return f"{self.what}: {self.collection}.{self.name}: {self.told}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["create", "validate"])
    parser.add_argument("--dry-run", action="store_true", help="say what would be created")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    stores.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    with stores.opened(stores.named(arguments)) as (database, _):
        if arguments.action == "create":
            return _create(database, arguments)
        findings = 0
        for finding in validated(database):
            findings += 1
            answer(finding.as_json, as_json=arguments.json, line=finding.line)
        say(f"{findings} wrong" if findings else "every index is there, as it is meant, and used")
        return 1 if findings else 0


def validated(database: Database[Document]) -> Iterator[Finding]:
    """Whatever is wrong."""
    for collection in INDEXES:
        yield from _compared(collection, _there(database, collection))
    statements = critical()
    say(f"{sum(map(len, INDEXES.values()))} indexes compared; {len(statements)} statements to go")
    told: set[str] = set()
    for one in statements:
        shape = shape_of(one.statement)
        finding = _unused(database, one, shape)
        if finding and shape not in told:
            told.add(shape)
            yield finding


def _create(database: Database[Document], arguments: argparse.Namespace) -> int:
    refused = created = 0
    for number, (collection, indexes) in enumerate(INDEXES.items(), 1):
        there = _there(database, collection)
        for finding in _compared(collection, there):
            if finding.what == "differs":
                refused += 1
                answer(finding.as_json, as_json=arguments.json, line=finding.line)
        missing = [index for index in indexes if index.document["name"] not in there]
        for index in missing:
            created += 1
            name = index.document["name"]
            told = {"collection": collection, "name": name, "isDryRun": arguments.dry_run}
            does = "would be created" if arguments.dry_run else "creating"
            answer(told, as_json=arguments.json, line=f"{does}: {collection}.{name}")
            if not arguments.dry_run:
                database[collection].create_indexes([index])
        say(f"{number} of {len(INDEXES)} collections: {collection}, {len(missing)} missing")
    does = "would be created" if arguments.dry_run else "created"
    say(f"{created} {does}, {refused} differ and are left")
    return 1 if refused else 0


def _there(database: Database[Document], collection: str) -> dict[str, Mapping[str, Any]]:
    try:
        return {str(index["name"]): index for index in database[collection].list_indexes()}
    except OperationFailure as error:
        if error.code != _NO_COLLECTION:
            raise
        return {}


def _compared(collection: str, there: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    wanted = {str(index.document["name"]): index.document for index in INDEXES[collection]}

    def finding(what: str, name: str, told: str) -> Finding:
        return Finding(what=what, collection=collection, name=name, told=told)

    for name, index in wanted.items():
        if name not in there:
            yield finding("missing", name, "python -m ops indexes create")
            continue
        differing = [
            part for part in _COMPARED if _plain(index.get(part)) != _plain(there[name].get(part))
        ]
        if differing:
            other = f"{', '.join(differing)}: drop it, then python -m ops indexes create"
            yield finding("differs", name, other)
        elif there[name].get("hidden"):
            yield finding("differs", name, "hidden: no statement may use it")
    for name in there.keys() - wanted.keys() - {_OWN}:
        yield finding("unknown", name, "made by somebody else; every write pays for it")


def _plain(value: Any) -> Any:  # Any: BSON
    """Comparable: keys in their order, what is not set like what is off."""
    if isinstance(value, Mapping):
        return [(name, _plain(one)) for name, one in value.items()]
    return value or None


def _unused(database: Database[Document], one: Critical, shape: str) -> Finding | None:
    try:
        path = path_of(database, one.statement, within_ms=EXPLAIN_MS)
    except OperationFailure as error:
        if error.code in _CANNOT_BE_EXPLAINED:
            told = f"{one.serves}: its index is not there: {shape}"
            return Finding(what="not used", collection=one.collection, name="?", told=told)
        raise
    if path.is_by_index:
        return None
    told = f"{one.serves}: {shape}"
    return Finding(what="not used", collection=one.collection, name=path.told, told=told)


_CANNOT_BE_EXPLAINED = frozenset({2, _NO_COLLECTION, 17007})
"""An index that the statement names is not there, or not even its collection."""
