"""`docs/security.md`, read: what is asked, where it is seen to, and what proves that.

A row of its tables has four cells: ids, what is asked, places, proofs. In the last two, `a file` is
one below the root, or of the layer (`slotkeeper/...`); a test is `file::name`, and `::name` one
more of the file named before. What no test proves gives one of `REASONS`, and says why.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.asvs import LEVELS

HEADER = "| id | asked | where | proved by |"
API_ITEMS = tuple(f"API{number}" for number in range(1, 11))
REASONS = ("Not met", "In part", "Not ours", "Deployer", "Platform", "No such thing")
NOT_MET = "Not met"
NOWHERE = "–"
_LAYER = "layers/common"
_REASON = re.compile(rf"\b({'|'.join(REASONS)}): (\S+(?: \S+){{2,}})")
_QUOTED = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
_FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)*\.(?:py|yaml|md|toml|lua|json|txt)")
_SUMMARY = re.compile(r"^Not met: (.+)\.$", re.MULTILINE)
_ID = re.compile(r"\d+\.\d+\.\d+(?:-\d+)?|API\d+")


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    cells: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """What the row is about; `1.2.6-8` are three."""
        return tuple(id_ for text in self.cells[0].split(", ") for id_ in _ids_of(text))

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(_QUOTED.findall(self.cells[2]))

    @property
    def tests(self) -> tuple[str, ...]:
        """As `file::name`, each with its file."""
        found: list[str] = []
        for name in _QUOTED.findall(self.cells[3]):
            if name.startswith("::") and found:
                found.append(found[-1].partition("::")[0] + name)
            elif "::" in name:
                found.append(name)
        return tuple(found)

    @property
    def reason(self) -> str | None:
        found = _REASON.search(self.cells[3])
        return found[1] if found else None


def rows_of(text: str) -> list[Row]:
    """The rows of every table that has the header."""
    found: list[Row] = []
    is_ours = False
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|"):
            is_ours = False
        elif line == HEADER:
            is_ours = True
        elif is_ours and not line.startswith("| ---"):
            found.append(Row(number, tuple(c.strip() for c in line.strip("|").split(" | "))))
    return found


def untrue(text: str, root: Path) -> list[str]:
    """What the page says and is not so, a line each: files, tests, links, rows that say nothing."""
    found = [
        f"{target}: there is no such page"
        for target in _LINK.findall(text)
        if "://" not in target and not (root / "docs" / target).exists()
    ]
    found += [
        f"{name}: there is no such file"
        for name in _QUOTED.findall(text)
        if _FILE.fullmatch(name) and not exists(name, root)
    ]
    for row in rows_of(text):
        found += [f"line {row.line}: {fault}" for fault in _faults(row, root)]
    return found


def left_out(text: str) -> list[str]:
    """Items of the API Top 10, and requirements of ASVS at levels 1 and 2, without just one row."""
    told = Counter(id_ for row in rows_of(text) if len(row.cells) == 4 for id_ in row.ids)
    wanted = [*API_ITEMS, *(id_ for id_, level in LEVELS.items() if level < 3)]
    return [
        *(f"{id_}: no row" for id_ in wanted if not told[id_]),
        *(f"{id_}: {times} rows" for id_, times in told.items() if times > 1),
    ]


def not_met(text: str) -> tuple[set[str], set[str]]:
    """The ids that the page sums up as not met, and those whose rows say so."""
    summed_up = {
        id_ for line in _SUMMARY.findall(text) for one in line.split(", ") for id_ in _ids_of(one)
    }
    return summed_up, {id_ for row in rows_of(text) if row.reason == NOT_MET for id_ in row.ids}


def exists(place: str, root: Path) -> bool:
    """Whether it is a file or folder of the project, or of the layer."""
    return (root / place).exists() or (
        place.startswith("slotkeeper/") and (root / _LAYER / place).exists()
    )


def _faults(row: Row, root: Path) -> Iterator[str]:
    if len(row.cells) != 4 or not all(row.cells):
        yield "four cells, none of them empty"
        return
    if not row.ids:
        yield "about nothing"
    yield from (f"{id_} is none" for id_ in row.ids if id_ not in {*API_ITEMS, *LEVELS})
    yield from (
        f"{place}: there is no such file" for place in row.places if not exists(place, root)
    )
    if not row.places and not _LINK.search(row.cells[2]) and row.cells[2] != NOWHERE:
        yield f"names no place: a file, a page, or {NOWHERE}"
    if not row.tests and row.reason is None:
        yield "names neither a test nor a reason"
    if row.cells[2] == NOWHERE and row.reason is None:
        yield "is seen to nowhere, and says not why"
    yield from _faults_of_tests(row.tests, root)


def _faults_of_tests(tests: Iterable[str], root: Path) -> Iterator[str]:
    for test in tests:
        file, _, name = test.partition("::")
        path = root / file
        if not file.startswith("tests/") or not path.is_file():
            yield f"{file}: there is no such file of tests"
        elif name not in _tests_in(path):
            yield f"{file} has no {name}"


@cache
def _tests_in(path: Path) -> frozenset[str]:
    """The tests that pytest would find there."""
    return frozenset(
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def _ids_of(text: str) -> list[str]:
    if not _ID.fullmatch(text):
        return [text]
    first, _, last = text.partition("-")
    if not last:
        return [first]
    section, _, number = first.rpartition(".")
    return [f"{section}.{n}" for n in range(int(number), int(last) + 1)]
