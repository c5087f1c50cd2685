"""Every row of the catalogue of bad input is tried somewhere: in the corpus or by a named test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fuzz.catalogue import CATALOGUE, Row, untried
from tests.fuzz.corpus import Case, Given, corpus
from tests.fuzz.requests import ROUTES
from tests.support.routes import FUNCTIONS, operations_of

TESTS = Path(__file__).resolve().parents[1]
ROWS = 50
A_TEST = "unit/contracts/test_json_text.py::test_json_is_read_as_it_is"


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    ids = {kind: f"{kind}-1" for kind in ("doctor", "slot", "booking", "attempt")}
    tokens = dict.fromkeys(("patient", "staff", "admin"), "Bearer a.b.c")
    others = {kind: f"{id_}-other" for kind, id_ in ids.items()}
    return list(corpus(Given(ids=ids, others=others, tokens=tokens)))


@pytest.fixture(scope="module")
def tests() -> set[str]:
    """All there are, each by its file and name."""
    return {
        f"{file.relative_to(TESTS).as_posix()}::{name}"
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }


def test_every_row_is_tried_by_the_cases_and_tests_that_it_names(
    cases: list[Case], tests: set[str]
) -> None:
    assert sorted(CATALOGUE) == list(range(1, ROWS + 1))
    assert untried(CATALOGUE, cases, tests) == []


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (Row(about="a row"), "nothing tries it"),
        (Row(about="a row", cases=("truncated", "a case that went")), "no case"),
        (
            Row(about="a row", cases=("truncated",), tests=("unit/test_gone.py::test_it",)),
            "no test",
        ),
        (Row(about="a row", tests=(A_TEST,)), "are not told"),
        (None, "is not in the catalogue"),
    ],
    ids=["nothing", "case", "test", "untold", "no row"],
)
def test_control_a_row_that_nothing_tries_is_found_out(
    row: Row | None, told: str, cases: list[Case], tests: set[str]
) -> None:
    bodies = [case for case in cases if case.row == 1]

    found = untried(
        {} if row is None else {1: row}, [] if told == "nothing tries it" else bodies, tests
    )

    assert [told in one for one in found] == [True]


def test_every_route_is_tried_in_the_corpus(cases: list[Case]) -> None:
    folders = sorted(path.parent.name for path in FUNCTIONS.glob("*/app.py"))
    declared = {o.name: o for folder in folders for o in operations_of(folder)}.values()

    assert {f"{o.method} {o.path}" for o in declared} == set(ROUTES)
    assert set(ROUTES) <= {case.route for case in cases}
    assert len(cases) > 3_000
    for operation in declared:
        route = ROUTES[f"{operation.method} {operation.path}"]
        assert route.takes_key == (operation.idempotency != "none")
        assert route.takes_if_match == operation.takes_if_match
        fields = {f.alias or n for n, f in operation.body_model.model_fields.items()}
        assert set(route.body or {}) <= fields
