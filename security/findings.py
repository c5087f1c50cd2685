"""What scanners find, and the explanations under which a finding may stay."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path


class ScanFailed(Exception):
    """A scanner did not do its work: never the same as a scanner that found nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that one rule has against one place."""

    rule: str
    place: str
    """What an explanation names: a file, a resource, a package."""

    what: str
    line: int = 0

    def __str__(self) -> str:
        where = f"{self.place}:{self.line}" if self.line else self.place
        return f"{self.rule}  {where}  {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why findings of `rule` may stay at `places` (shell patterns)."""

    rule: str
    places: tuple[str, ...]
    why: str

    def covers(self, finding: Finding, place: str) -> bool:
        return finding.rule == self.rule and fnmatchcase(finding.place, place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is left to do about one scanner's findings; nothing, if it is clean."""

    found: int
    complaints: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        return not self.complaints


def judge(findings: Iterable[Finding], explanations: Iterable[Explanation] = ()) -> Verdict:
    """Complain of each finding without an explanation, and of each explanation without a finding.

    (One that explains nothing any more would hide the next finding of its kind.)
    """
    found, known = list(findings), list(explanations)
    used: set[tuple[int, str]] = set()
    complaints = []
    for finding in found:
        covering = {
            (number, place)
            for number, one in enumerate(known)
            for place in one.places
            if one.covers(finding, place)
        }
        used |= covering
        if not covering:
            complaints.append(f"not explained: {finding}")
    for number, one in enumerate(known):
        if len(one.why.split()) < 3:
            complaints.append(f"explained without a reason: {one.rule} at {', '.join(one.places)}")
        complaints += [
            f"explains nothing any more: {one.rule} at {place}"
            for place in one.places
            if (number, place) not in used
        ]
    return Verdict(found=len(found), complaints=tuple(complaints))


def explanations(file: Path) -> list[Explanation]:
    """Those that a file lists."""
    told = tomllib.loads(file.read_text())["explained"]
    return [
        Explanation(rule=one["rule"], places=tuple(one["places"]), why=one["why"]) for one in told
    ]
