"""What changed after a backup: the database's own stream of changes, in files beside it.

A file is closed at least once a minute while there are changes, and is never touched again: what is
lost with the machine is what the newest one would have held. Each names the one before it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.change_stream import ChangeStream
from pymongo.database import Database
from pymongo.errors import OperationFailure

from ops.recovery import manifest as manifests
from ops.recovery.files import BsonWriter, File, write_text
from ops.recovery.manifest import from_json, read_text, to_json
from ops.stores import OpsError
from slotkeeper.adapters.mongo.documents import Document
from slotkeeper.adapters.mongo.seals import RAW

POSITION = "position.json"
_LARGE = 64 * 2**20
_WAIT_MS = 500
_BATCH = 1_000
_HISTORY_LOST = 286  # ChangeStreamHistoryLost
_OVER = {"invalidate", "dropDatabase"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One file of changes; `before` is the hash of the one before, or of the backup's manifest."""

    number: int
    file: File
    before: str
    first: Timestamp
    last: Timestamp
    token: Document


def chapters(directory: Path, manifest_hash: str) -> list[Chapter]:
    """All files of changes, each the next of the one before it.

    Raises:
        OpsError: one is missing, or belongs to another backup.
    """
    found = sorted(directory.glob("changes-*.json"))
    read, before = [], manifest_hash
    for number, path in enumerate(found, start=1):
        chapter = _chapter(path)
        if chapter.number != number or chapter.before != before:
            raise OpsError(f"{path.name} does not follow what is before it: a file is missing")
        read.append(chapter)
        before = chapter.file.sha256
    return read


def seen_until(directory: Path) -> datetime | None:
    """When the follower last looked, if one ever did."""
    path = directory / POSITION
    if not path.exists():
        return None
    seen = from_json(read_text(path), POSITION).get("seenAt")
    return seen if isinstance(seen, datetime) else None


class Follower:
    """Writes what changes, from where the last one stopped."""

    def __init__(
        self,
        database: Database[Document],
        directory: Path,
        *,
        every: float,
        progress: Callable[[str, int], None] = lambda _what, _count: None,
    ):
        self._database: Database[RawBSONDocument] = database.with_options(codec_options=RAW)
        self._directory = directory
        self._every = every
        self._progress = progress
        self._manifest, manifest_hash = manifests.read(directory)
        written = chapters(directory, manifest_hash)
        self._number = len(written)
        self._before = written[-1].file.sha256 if written else manifest_hash
        self._token = self._kept_token(written)
        self.count = 0

    def follow(self, stop: threading.Event, *, is_once: bool = False) -> None:
        """Until told to stop; `is_once`: until all that has changed so far is written.

        Raises:
            OpsError: the server no longer knows what came next, or the database was dropped.
        """
        try:
            with self._watch() as stream:
                is_behind = True
                while not stop.is_set() and (is_behind or not is_once):
                    is_behind = self._write_some(stream, stop, is_once=is_once)
        except OperationFailure as error:
            if error.code == _HISTORY_LOST:
                raise OpsError(
                    "the server no longer knows what came next: take a new backup"
                ) from error
            raise

    def _watch(self) -> ChangeStream[RawBSONDocument]:
        start: dict[str, Any] = (  # Any: the driver's options
            {"start_after": self._token}
            if self._token
            else {"start_at_operation_time": self._manifest.at}
        )
        return self._database.watch(batch_size=_BATCH, max_await_time_ms=_WAIT_MS, **start)

    def _write_some(
        self,
        stream: ChangeStream[RawBSONDocument],
        stop: threading.Event,
        *,
        is_once: bool,
    ) -> bool:
        """One chapter, or the note that there was nothing to write; whether there may be more."""
        ends = time.monotonic() + self._every
        first = last = None
        kind = ""
        is_behind = True
        seen_at = datetime.now(UTC)
        path = self._directory / f"changes-{self._number + 1:06}.bson.gz"
        with BsonWriter(path) as writer:
            while time.monotonic() < ends and writer.bytes < _LARGE and not stop.is_set():
                seen_at = datetime.now(UTC)
                event = stream.try_next()
                if event is None:
                    # The server waited for one, so all that was acknowledged before is written.
                    is_behind = False
                    if is_once:
                        break
                    continue
                kind = str(event["operationType"])
                if kind in _OVER:
                    break
                if event["clusterTime"] <= self._manifest.at:
                    continue  # the backup shows it already
                last = event["clusterTime"]
                first = first or last
                writer.add(bytes(event.raw))
                self._token = _plain(event["_id"])
            if first and last:
                self._close(writer, first, last)
        if kind in _OVER:
            raise OpsError(f"{self._manifest.database} was dropped: there is nothing to follow")
        if not first and stream.resume_token is not None:
            self._token = _plain(stream.resume_token)
        self._note(seen_at)
        return is_behind

    def _close(self, writer: BsonWriter, first: Timestamp, last: Timestamp) -> None:
        file = writer.finish()
        assert self._token is not None
        self._number += 1
        chapter = Chapter(
            number=self._number,
            file=file,
            before=self._before,
            first=first,
            last=last,
            token=self._token,
        )
        name = f"changes-{self._number:06}.json"
        write_text(self._directory / name, to_json(asdict(chapter)))
        self._before = file.sha256
        self.count += file.documents
        self._progress("changes", file.documents)

    def _note(self, seen_at: datetime) -> None:
        told = {"after": self._number, "seenAt": seen_at, "token": self._token}
        write_text(self._directory / POSITION, to_json(told))

    def _kept_token(self, written: list[Chapter]) -> Document | None:
        path = self._directory / POSITION
        if path.exists():
            told = from_json(read_text(path), POSITION)
            if told.get("after") == len(written) and isinstance(told.get("token"), dict):
                return dict(told["token"])
        return written[-1].token if written else None


def _chapter(path: Path) -> Chapter:
    told = from_json(read_text(path), path.name)
    try:
        return Chapter(
            number=int(told["number"]),
            file=manifests.file_of(told["file"]),
            before=str(told["before"]),
            first=told["first"],
            last=told["last"],
            token=dict(told["token"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise OpsError(f"{path.name} cannot be read") from error


def _plain(token: Any) -> Document:  # Any: the driver's own, opaque
    return bson.decode(token.raw) if isinstance(token, RawBSONDocument) else dict(token)
