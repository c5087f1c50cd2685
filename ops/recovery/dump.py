"""A whole database in files, as it was at one instant, while others go on writing to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from bson.timestamp import Timestamp
from pymongo.client_session import ClientSession
from pymongo.collection import Collection as MongoCollection
from pymongo.database import Database
from pymongo.errors import OperationFailure

from ops.recovery import manifest as manifests
from ops.recovery.files import BsonWriter
from ops.recovery.manifest import Collection, Manifest
from ops.stores import OpsError
from slotkeeper.adapters.mongo.documents import Document

BATCH = 1_000
Progress = Callable[[str, int], None]
_TOO_OLD = 239  # SnapshotTooOld
_NOT_TO_BE_HAD = 246  # SnapshotUnavailable: something was created meanwhile; a newer one is to be
_TRIES = 5


class Source(Protocol):
    """Where documents are read: `at` an instant of the database."""

    @property
    def at(self) -> Timestamp: ...

    def batches(self, collection: str) -> Iterator[bytes]:
        """The stored bytes of all documents, some at a time."""
        ...

    def count(self, collection: str) -> int:
        """How many they are, asked for by itself."""
        ...


@dataclass(frozen=True, slots=True)
class Instant:
    """The database as it was when the session first read (snapshot reads)."""

    database: Database[Document]
    session: ClientSession
    at: Timestamp

    def batches(self, collection: str) -> Iterator[bytes]:
        found = self.database[collection].find_raw_batches(session=self.session, batch_size=BATCH)
        yield from found

    def count(self, collection: str) -> int:
        return self.database[collection].count_documents({}, session=self.session)


@contextmanager
def one_instant(database: Database[Document]) -> Iterator[Source]:
    names = collections(database)
    if not names:
        raise OpsError(f"database {database.name} is empty: there is nothing to back up")
    with database.client.start_session(snapshot=True) as session:
        first = database.command({"find": next(iter(names)), "limit": 1}, session=session)
        yield Instant(database, session, first["cursor"]["atClusterTime"])


Reading = Callable[[Database[Document]], Any]  # Any: a context manager of a Source


def dump(
    database: Database[Document],
    directory: Path,
    *,
    reading: Reading = one_instant,
    progress: Progress = lambda _name, _count: None,
) -> Manifest:
    """The backup that is in `directory` now, which did not exist or was empty.

    Raises:
        OpsError: nothing is left of it.
        PyMongoError: the same.
    """
    is_new = not directory.exists()
    if not is_new and any(directory.iterdir()):
        raise OpsError(f"{directory} is not empty: a backup gets a directory of its own")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _tried(database, directory, reading, progress)
    except OSError as error:
        _forget(directory, is_new=is_new)
        raise OpsError(f"{directory} cannot be written: {error.strerror}") from error
    except BaseException:
        _forget(directory, is_new=is_new)
        raise


def _tried(
    database: Database[Document], directory: Path, reading: Reading, progress: Progress
) -> Manifest:
    for attempt in range(_TRIES):
        try:
            return _dumped(database, directory, reading, progress)
        except OperationFailure as error:
            if error.code == _TOO_OLD:
                told = "raise minSnapshotHistoryWindowInSeconds, or use the storage's own snapshots"
                raise OpsError(
                    f"the server keeps an instant for less than this takes: {told}"
                ) from error
            if error.code != _NOT_TO_BE_HAD or attempt == _TRIES - 1:
                raise
    raise AssertionError  # the last attempt returned or raised


def _dumped(
    database: Database[Document], directory: Path, reading: Reading, progress: Progress
) -> Manifest:
    began = datetime.now(UTC)
    with reading(database) as source:
        # Asked after the instant began: what was created since is not to be had, and tried again.
        written = [
            _collection(
                database[name], source, options=options, directory=directory, progress=progress
            )
            for name, options in collections(database).items()
        ]
        manifest = Manifest(
            database=database.name,
            at=source.at,
            began=began,
            version=manifests.own_version(),
            server=database.client.server_info()["version"],
            collections=written,
        )
    manifests.write(directory, manifest)
    return manifest


def _collection(
    collection: MongoCollection[Document],
    source: Source,
    *,
    options: Document,
    directory: Path,
    progress: Progress,
) -> Collection:
    name = collection.name
    with BsonWriter(directory / f"{quote(name, safe='')}.bson.gz") as writer:
        for batch in source.batches(name):
            progress(name, writer.add(batch))
        expected = source.count(name)
        if writer.documents != expected:
            raise OpsError(f"{name}: {writer.documents:,} documents were read, of {expected:,}")
        file = writer.finish()
    indexes = [dict(index) for index in collection.list_indexes()]
    return Collection(name=name, file=file, options=options, indexes=indexes)


def collections(database: Database[Document]) -> dict[str, Document]:
    """Those that hold documents, with how they were created."""
    found = {one["name"]: one for one in database.list_collections()}
    kinds = {str(one["type"]) for one in found.values()} - {"collection", "view"}
    if kinds:
        raise OpsError(f"{database.name} has a {kinds.pop()}, which this does not back up")
    return {
        name: dict(one["options"])
        for name, one in sorted(found.items())
        if one["type"] == "collection" and not name.startswith("system.")
    }


def _forget(directory: Path, *, is_new: bool) -> None:
    if is_new:
        shutil.rmtree(directory, ignore_errors=True)
        return
    for path in directory.iterdir():
        path.unlink(missing_ok=True)
