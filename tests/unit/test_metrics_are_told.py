"""docs/metrics.md tells every metric there is, as it is; the code writes each, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from local.config import ROOT
from slotkeeper.domain.errors import AppointmentError
from slotkeeper.entrypoints.http import _COUNTED
from slotkeeper.entrypoints.metrics import LABELS, METRICS

FUNCTIONS = {path.parent.name for path in ROOT.glob("functions/*/app.py")}
IS_METRIC = re.compile(r"[a-z_]+_(total|ms|seconds|ratio|open)")
WRITERS = {"count", "count_by", "note"}


def _rows() -> dict[str, tuple[str, tuple[str, ...], set[str]]]:
    found = {}
    for line in (ROOT / "docs" / "metrics.md").read_text().splitlines():
        if line.startswith("| `"):
            name, unit, labels, by, says = (cell.strip() for cell in line.strip("|").split(" | "))
            assert says
            found[name.strip("` ")] = (
                unit,
                tuple(re.findall(r"`(\w+)`", labels)),
                {*by.split(", ")},
            )
    return found


def _written() -> Iterator[str]:
    """Names that the code counts or notes, as they stand in it."""
    for source in (*ROOT.glob("functions/*/app.py"), *ROOT.glob("layers/common/**/*.py")):
        for node in ast.walk(ast.parse(source.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in WRITERS:
                    for part in ast.walk(first):
                        if isinstance(part, ast.Constant) and IS_METRIC.fullmatch(str(part.value)):
                            yield str(part.value)


def test_every_metric_has_a_row_with_its_unit_and_labels_and_every_row_a_metric() -> None:
    told = {name: (unit, labels) for name, (unit, labels, _) in _rows().items()}

    assert told == {name: (one.unit.value, one.labels) for name, one in METRICS.items()}


def test_every_row_says_who_writes_it() -> None:
    for name, (_, _, by) in _rows().items():
        assert by <= FUNCTIONS | {"all"}, name


def test_what_is_written_is_known_and_what_is_known_is_written() -> None:
    assert {*_written(), *_COUNTED.values()} == set(METRICS)


def test_labels_are_those_that_have_values() -> None:
    assert {label for one in METRICS.values() for label in one.labels} == set(LABELS)


def test_refusals_that_are_counted_are_refusals() -> None:
    assert all(issubclass(kind, AppointmentError) for kind in _COUNTED)
