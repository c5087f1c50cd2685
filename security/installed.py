"""Packages as they are installed, by their own metadata."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from security.findings import Finding


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


def owned_twice(folder: Path) -> list[Finding]:
    """Files that two packages installed: which one's is there is chance."""
    owners: dict[str, list[str]] = defaultdict(list)
    for record in sorted(folder.glob("*.dist-info/RECORD")):
        for name, *_ in csv.reader(record.read_text(encoding="utf-8").splitlines()):
            if "__pycache__" not in name:
                owners[name].append(record.parent.name.removesuffix(".dist-info"))
    together = {" and ".join(names): file for file, names in owners.items() if len(names) > 1}
    return [
        Finding(rule="owned-twice", place=names, what=f"both install {file}")
        for names, file in sorted(together.items())
    ]
