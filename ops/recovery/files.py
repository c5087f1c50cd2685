"""Files of BSON documents, one after the other and compressed, as mongorestore reads them too.

Whoever may read them reads everything about everybody: they are their owner's alone.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedIOBase, RawIOBase
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument

from ops.stores import OpsError
from slotkeeper.adapters.mongo.seals import RAW

_LENGTH = struct.Struct("<i")
_LEAST = 5
"""Bytes of an empty document."""
_MOST = 48 * 2**20
"""More than MongoDB stores or tells in one."""
_BLOCK = 2**20
_FAST = 1
_UNFINISHED = ".partial"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What a finished file holds."""

    name: str
    documents: int
    bytes: int
    """As it is, compressed."""
    sha256: str


class BsonWriter:
    """A file under its name once it is whole: until then it has another, and is removed with it."""

    def __init__(self, path: Path):
        self._path = path
        self._partial = path.with_name(path.name + _UNFINISHED)
        self._hashed = _Hashed(_open_own(self._partial))
        self._zip = gzip.GzipFile("", "wb", _FAST, self._hashed, mtime=0)
        self.documents = 0

    def add(self, batch: bytes) -> int:
        """Write documents that follow one another; how many they are."""
        count = _count(batch)
        self._zip.write(batch)
        self.documents += count
        return count

    @property
    def bytes(self) -> int:
        return self._hashed.bytes

    def finish(self) -> File:
        """The file, on the disk for good."""
        self._zip.close()
        self._hashed.sync()
        self._partial.replace(self._path)
        return File(
            name=self._path.name,
            documents=self.documents,
            bytes=self._hashed.bytes,
            sha256=self._hashed.sha256,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # a disk that is full; the file goes anyway
            self._zip.close()
        self._hashed.close()
        self._partial.unlink(missing_ok=True)


class _Hashed(RawIOBase):
    """Hashes what passes through."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._hash = hashlib.sha256()
        self.bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # gzip's, whole and at once
        self._hash.update(data)
        self.bytes += len(data)
        return self._file.write(data)

    def sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def close(self) -> None:
        self._file.close()
        super().close()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def write_text(path: Path, text: str) -> None:
    """The file holds this text or what it held before, never half of it."""
    partial = path.with_name(path.name + _UNFINISHED)
    with _open_own(partial) as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def verify(directory: Path, file: File) -> None:
    """Raises OpsError: it is not there, or not what was written."""
    try:
        with (directory / file.name).open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise OpsError(f"{file.name} is not there") from error
    except OSError as error:
        raise OpsError(f"{file.name} cannot be read") from error
    if found != file.sha256:
        raise OpsError(f"{file.name} is not what was written: its hash is another")


def documents(directory: Path, file: File) -> Iterator[RawBSONDocument]:
    """Each document; not more of them are in memory than one.

    Raises:
        OpsError: it cannot be read, or holds another number of them.
    """
    count = 0
    try:
        with gzip.open(directory / file.name, "rb") as opened:
            while head := opened.read(_LENGTH.size):
                yield RawBSONDocument(head + _rest(opened, head), RAW)
                count += 1
    except (OSError, EOFError, zlib.error, InvalidBSON) as error:
        raise OpsError(f"{file.name} cannot be read to its end") from error
    if count != file.documents:
        raise OpsError(f"{file.name} holds {count:,} documents, not {file.documents:,}")


def _rest(opened: BufferedIOBase, head: bytes) -> bytes:
    if len(head) < _LENGTH.size or not _LEAST <= _LENGTH.unpack(head)[0] <= _MOST:
        raise EOFError
    length = _LENGTH.unpack(head)[0] - _LENGTH.size
    rest = opened.read(length)
    if len(rest) < length:
        raise EOFError
    return rest


def _count(batch: bytes) -> int:
    count = place = 0
    while place < len(batch):
        place += _LENGTH.unpack_from(batch, place)[0]
        count += 1
    return count


def _open_own(path: Path) -> BinaryIO:
    # 0600 from the beginning: a mode that is set later leaves a moment in between.
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
