"""A backup brought back into an empty database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from ops.recovery import manifest as manifests
from ops.recovery.changes import Chapter, chapters
from ops.recovery.files import documents, verify
from ops.recovery.manifest import Collection, Manifest
from ops.recovery.replay import Replay
from ops.stores import OpsError
from slotkeeper.adapters.mongo.documents import Document
from slotkeeper.adapters.mongo.indexes import create_indexes
from slotkeeper.adapters.mongo.seals import RAW

_DOCUMENTS = 1_000
_BYTES = 8 * 2**20
_OWN_INDEX = "_id_"
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup whose every file is what was written."""

    directory: Path
    manifest: Manifest
    chapters: Sequence[Chapter]

    @property
    def last(self) -> Timestamp:
        """The newest instant that can be had of it."""
        return self.chapters[-1].last if self.chapters else self.manifest.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    at: Timestamp
    """The instant that the database shows."""
    documents: int
    changes: int


def opened(
    directory: Path,
    *,
    is_read: bool = False,
    progress: Progress = lambda _name, _count: None,
) -> Backup:
    """The backup, verified by its hashes; and by reading every document, where `is_read`.

    Raises:
        OpsError: a file is missing, or is not what was written.
    """
    manifest, manifest_hash = manifests.read(directory)
    written = chapters(directory, manifest_hash)
    for file in [one.file for one in manifest.collections] + [one.file for one in written]:
        verify(directory, file)
        if is_read:
            progress(file.name, sum(1 for _ in documents(directory, file)))
    return Backup(directory=directory, manifest=manifest, chapters=written)


def ensure_empty(database: Database[Document]) -> None:
    """Raises OpsError: there is something in it, which a restore would mix with."""
    names = database.list_collection_names()
    if names:
        raise OpsError(
            f"database {database.name} is not empty (it has {names[0]}): a backup is brought "
            "back into a new one only"
        )


def restore(
    backup: Backup,
    database: Database[Document],
    *,
    until: int | None = None,
    progress: Progress = lambda _name, _count: None,
) -> Restored:
    """Bring it back, with what changed after it up to the second `until` (of the epoch).

    Raises:
        OpsError: the database is not empty; or it is as it was, because something is amiss.
        PyMongoError: the server does not answer, or refuses; the same.
    """
    if until is not None and until < backup.manifest.at.time:
        raise OpsError(f"the backup begins later, at {backup.manifest.time:%Y-%m-%dT%H:%M:%SZ}")
    ensure_empty(database)
    try:
        return _restored(backup, database, until, progress)
    except BaseException:
        # It was empty: what is there now is a part of the backup, which nobody should take for it.
        with suppress(PyMongoError):
            database.client.drop_database(database.name)
        raise


def _restored(
    backup: Backup, database: Database[Document], until: int | None, progress: Progress
) -> Restored:
    for collection in backup.manifest.collections:
        database.command({"create": collection.name, **collection.options})
        for some in _batches(documents(backup.directory, collection.file)):
            _insert(database, collection.name, some)
            progress(collection.name, len(some))
    _ensure_counts(backup, database)
    replay = Replay(database, backup.manifest.at, until)
    for chapter in backup.chapters:
        progress("changes", replay.apply(documents(backup.directory, chapter.file)))
    # Last: lapsing documents would lapse while they are counted, and it is quicker.
    for collection in backup.manifest.collections:
        _index(database, collection)
    _make_indexes(database)
    return Restored(at=replay.at, documents=backup.manifest.documents, changes=replay.count)


def _insert(database: Database[Document], name: str, some: Sequence[RawBSONDocument]) -> None:
    # As it was stored, even where a validator came later than the document.
    raw = database.with_options(codec_options=RAW)[name]
    raw.insert_many(some, ordered=False, bypass_document_validation=True)


def _ensure_counts(backup: Backup, database: Database[Document]) -> None:
    for collection in backup.manifest.collections:
        found = database[collection.name].count_documents({})
        if found != collection.file.documents:
            told = f"{found:,} documents, not {collection.file.documents:,}"
            raise OpsError(f"{collection.name} has {told}, after the restore")


def _index(database: Database[Document], collection: Collection) -> None:
    indexes = [dict(index) for index in collection.indexes if index["name"] != _OWN_INDEX]
    for index in indexes:
        index.pop("ns", None)
    if not indexes or collection.name not in database.list_collection_names():
        return  # it was dropped later
    with _guarded():
        database.command({"createIndexes": collection.name, "indexes": indexes})


def _make_indexes(database: Database[Document]) -> None:
    """Those of this version, where the backup's has not made them."""
    with _guarded():
        create_indexes(database)


@contextmanager
def _guarded() -> Iterator[None]:
    try:
        yield
    except DuplicateKeyError as error:
        name = str((error.details or {}).get("errmsg", "")).partition("index: ")[2].split(" ")[0]
        raise OpsError(f"the backup breaks what the index {name} guards") from error


def _batches(found: Iterable[RawBSONDocument]) -> Iterator[list[RawBSONDocument]]:
    batch: list[RawBSONDocument] = []
    size = 0
    for document in found:
        batch.append(document)
        size += len(document.raw)
        if len(batch) >= _DOCUMENTS or size >= _BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
