"""Packages as they are installed, by their own metadata."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A package, as its own metadata tells."""

    name: str
    version: Version
    metadata: Message


def distributions_in(folders: Iterable[Path]) -> Iterator[Distribution]:
    """The packages installed in the folders, in the order of their files."""
    for path in sorted(path for one in folders for path in one.glob("*.dist-info/METADATA")):
        metadata = Parser().parsestr(path.read_text(encoding="utf-8"), headersonly=True)
        yield Distribution(
            name=canonicalize_name(metadata["Name"]),
            version=Version(metadata["Version"]),
            metadata=metadata,
        )
