"""What a backup holds: written last, so that a directory without it is no backup."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bson import json_util
from bson.timestamp import Timestamp

from ops.recovery.files import File, write_text
from ops.stores import OpsError

MANIFEST = "manifest.json"
FORMAT = 1
Node = Mapping[str, Any]  # Any: JSON
_OPTIONS = json_util.CANONICAL_JSON_OPTIONS.with_options(tz_aware=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    name: str
    file: File
    options: Node
    """How it was created: its validator, say."""
    indexes: Sequence[Node]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`at` is the one instant of the database, by its cluster time, that the files show."""

    database: str
    at: Timestamp
    began: datetime
    version: str
    """Of the system that wrote it."""
    server: str
    collections: Sequence[Collection]

    @property
    def documents(self) -> int:
        return sum(one.file.documents for one in self.collections)

    @property
    def bytes(self) -> int:
        return sum(one.file.bytes for one in self.collections)

    @property
    def time(self) -> datetime:
        return self.at.as_datetime()


def own_version() -> str:
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    return str(tomllib.loads(project.read_text())["project"]["version"])


def write(directory: Path, manifest: Manifest) -> None:
    told = {
        "format": FORMAT,
        **{
            name: getattr(manifest, name)
            for name in ("database", "at", "began", "version", "server")
        },
        "collections": [asdict(one) for one in manifest.collections],
    }
    write_text(directory / MANIFEST, to_json(told))


def read(directory: Path) -> tuple[Manifest, str]:
    """The backup's manifest, and its hash.

    Raises:
        OpsError: there is none, or none that this version reads.
    """
    text = read_text(directory / MANIFEST)
    told = from_json(text, MANIFEST)
    if told.get("format") != FORMAT:
        raise OpsError(f"{MANIFEST} is of format {told.get('format')}, not {FORMAT}")
    try:
        manifest = Manifest(
            database=_is(str, told["database"]),
            at=_is(Timestamp, told["at"]),
            began=_is(datetime, told["began"]),
            version=_is(str, told["version"]),
            server=_is(str, told["server"]),
            collections=[
                Collection(
                    name=_is(str, one["name"]),
                    file=file_of(one["file"]),
                    options=_is(dict, one["options"]),
                    indexes=[_is(dict, index) for index in one["indexes"]],
                )
                for one in told["collections"]
            ],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise OpsError(f"{MANIFEST} cannot be read as a backup's") from error
    return manifest, hashlib.sha256(text.encode()).hexdigest()


def file_of(told: Node) -> File:
    name = _is(str, told["name"])
    if Path(name).name != name:
        raise ValueError(name)  # of another directory
    return File(
        name=name,
        documents=_is(int, told["documents"]),
        bytes=_is(int, told["bytes"]),
        sha256=_is(str, told["sha256"]),
    )


def to_json(told: Node) -> str:
    return json_util.dumps(told, json_options=_OPTIONS, indent=1) + "\n"


def read_text(path: Path) -> str:
    """Raises OpsError: it is not there, or no text."""
    try:
        return path.read_text()
    except FileNotFoundError as error:
        raise OpsError(f"there is no {path}: that is no whole backup") from error
    except (OSError, ValueError) as error:
        raise OpsError(f"{path} cannot be read") from error


def from_json(text: str, name: str) -> dict[str, Any]:
    """Raises OpsError: it is none."""
    try:
        told = json_util.loads(text, json_options=_OPTIONS)
    except (ValueError, TypeError, KeyError) as error:
        raise OpsError(f"{name} cannot be read") from error
    if not isinstance(told, dict):
        raise OpsError(f"{name} cannot be read")
    return told


def _is(kind: type[Any], value: object) -> Any:  # Any: an instance of `kind`
    # Plain numbers come as BSON's Int64.
    if not isinstance(value, kind):
        raise TypeError(kind.__name__)
    return int(value) if kind is int else value
