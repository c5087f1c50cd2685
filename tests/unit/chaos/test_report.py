"""The table of a run."""

from __future__ import annotations

import json

from chaos.findings import Finding
from chaos.history import Fate, History, Try
from chaos.nemesis import Struck
from chaos.report import COLUMNS, Report, report


def a_try(ended: float, fate: Fate, status: int | None, op: str = "hold") -> Try:
    return Try(
        request="r",
        number=1,
        patient="alice",
        op=op,
        began=ended - 0.1,
        ended=ended,
        status=status,
        code=None,
        fate=fate,
    )


def a_report(*findings: Finding) -> Report:
    history = History()
    for at in (98.0, 99.0, 107.0, 108.0):
        history.tried(a_try(at, Fate.DONE, 202))
    history.tried(a_try(101.0, Fate.UNAVAILABLE, 503))
    history.tried(a_try(102.0, Fate.UNKNOWN, 502, op="verify"))
    history.tried(a_try(103.0, Fate.UNKNOWN, None))
    struck = [
        Struck(fault="kill it", began=100, ended=105, counted_from=105, recovered_at=107),
        Struck(fault="kill it", began=300, ended=305, counted_from=305, recovered_at=308),
    ]
    return report(
        topology="ha",
        seed=7,
        seconds=600,
        history=history,
        struck=struck,
        findings=findings,
        more={"texts sent twice": 0},
    )


def test_a_row_tells_how_long_and_how_badly_a_fault_hurt() -> None:
    [row] = a_report().rows

    assert dict(zip(COLUMNS, row, strict=True)) == {
        "fault": "kill it",
        "times": 2,
        "held again: median s": 2.5,
        "worst s": 3.0,
        "longest gap s": 23.0,
        "requests": 5,
        "503": 1,
        "other 5xx": 1,
        "no answer": 1,
    }


def test_a_run_without_findings_is_clean_and_says_so() -> None:
    made = a_report()

    assert made.is_clean
    assert "Nothing lost" in made.to_text()
    assert made.to_markdown().count("\n| kill it | 2 |") == 1
    assert json.loads(json.dumps(made.to_json()))["is_clean"]


def test_a_run_with_findings_names_each() -> None:
    made = a_report(Finding("confirmation_lost", "bk_1"))

    assert not made.is_clean
    assert made.totals["of them lost"] == 1
    assert "confirmation_lost: bk_1" in made.to_text()
    assert "NOT CLEAN" in made.to_markdown()


def test_a_fault_that_was_not_survived_is_told_as_such() -> None:
    struck = [Struck(fault="kill it", began=1, ended=2, counted_from=2, recovered_at=None)]

    made = report(
        topology="ha",
        seed=7,
        seconds=60,
        history=History(),
        struck=struck,
        findings=[],
        more={},
    )

    assert "not back" in made.to_text()
