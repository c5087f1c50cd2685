"""A finding stays with a reason, a reason stays with a finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from security.findings import Explanation, Finding, judge
from security.scan import SCANNERS, Scanner

EVAL = Finding(rule="B307", place="local/a.py", line=3, what="eval")
WHY = "it is what the test plants"


def _explained(rule: str = "B307", *places: str, why: str = WHY) -> Explanation:
    return Explanation(rule=rule, places=places or ("local/*",), why=why)


def test_a_finding_with_an_explanation_may_stay() -> None:
    assert judge([EVAL], [_explained()]).is_clean


def test_a_finding_without_one_fails() -> None:
    verdict = judge([EVAL])

    assert verdict.complaints == ("not explained: B307  local/a.py:3  eval",)


@pytest.mark.parametrize(
    "other", [_explained("B101"), _explained("B307", "ops/*"), _explained("B307", "local/a.pyc")]
)
def test_an_explanation_is_good_for_its_rule_and_place_only(other: Explanation) -> None:
    verdict = judge([EVAL], [other])

    assert len(verdict.complaints) == 2  # the finding, and the explanation that explains nothing


def test_an_explanation_that_explains_nothing_any_more_fails() -> None:
    verdict = judge([EVAL], [_explained("B307", "local/a.py", "local/gone.py")])

    assert verdict.complaints == ("explains nothing any more: B307 at local/gone.py",)


@pytest.mark.parametrize("why", ["", "false positive", " - "])
def test_an_explanation_without_a_reason_fails(why: str) -> None:
    assert not judge([EVAL], [_explained(why=why)]).is_clean


@pytest.mark.parametrize("scanner", [one for one in SCANNERS if one.is_explained])
def test_every_explanation_we_have_names_a_rule_places_and_a_reason(scanner: Scanner) -> None:
    for one in scanner.explanations():
        assert one.rule
        assert one.places
        assert len(one.why.split()) >= 3


def test_the_explanations_hide_nothing_that_is_planted(tmp_path: Path) -> None:
    planted = [Finding(rule="B105", place="functions/cancel/app.py", what="password")]
    scanner = next(one for one in SCANNERS if one.name == "bandit")

    complaints = judge(planted, scanner.explanations()).complaints

    assert any(one.startswith("not explained: B105") for one in complaints)
