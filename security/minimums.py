"""Packages against the lowest versions without a known advisory (security/minimums.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from security.findings import Finding
from security.locks import lock_files, pins

LIST = Path(__file__).parent / "minimums.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """From `version` on, a package is free of the advisories named."""

    version: Version
    advisories: tuple[str, ...]


def minimums(file: Path = LIST) -> Mapping[str, Minimum]:
    """By package."""
    return {
        canonicalize_name(name): Minimum(
            version=Version(one["version"]), advisories=tuple(one["advisories"])
        )
        for name, one in tomllib.loads(file.read_text())["minimum"].items()
    }


def unfixed(file: Path = LIST) -> Mapping[str, Mapping[str, str]]:
    """Packages with an advisory that no version mends: in which locks they may be, and why."""
    told: Mapping[str, Mapping[str, str]] = tomllib.loads(file.read_text()).get("unfixed", {})
    return told


def below(where: str, versions: Iterable[tuple[str, Version]], file: Path = LIST) -> list[Finding]:
    """Which of the packages at `where` are older than they may be, or have no mended version."""
    least, hopeless = minimums(file), unfixed(file)
    found = []
    for name, version in versions:
        known = least.get(name)
        if known and version < known.version:
            what = f"{version} has {', '.join(known.advisories)}; mended in {known.version}"
            found.append(Finding(rule=name, place=where, what=what))
        lost = hopeless.get(name)
        if lost and lost["only_in"] != where:
            what = f"{lost['advisory']} has no mended version: {lost['why']}"
            found.append(Finding(rule=name, place=where, what=what))
    return found


def in_locks(root: Path, file: Path = LIST) -> list[Finding]:
    """All that the project's requirement files pin below their minimum.

    A minimum of a package that no file pins is a finding too: the list says what we use.
    """
    found: list[Finding] = []
    seen: set[str] = set()
    for lock in lock_files(root):
        pinned = [(pin.name, pin.version) for pin in pins(lock)]
        seen |= {name for name, _ in pinned}
        found += below(str(lock.relative_to(root)), pinned, file)
    idle = sorted((minimums(file).keys() | unfixed(file).keys()) - seen)
    return found + [
        Finding(rule=name, place=file.name, what="is pinned nowhere any more") for name in idle
    ]
