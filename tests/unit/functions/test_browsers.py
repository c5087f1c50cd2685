"""What a browser is told by our answers, and what it cannot be talked into."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from local.config import ROOT
from tests.unit.functions.test_refusals import HEADERS, ROUTES, call

SOURCES = [
    *ROOT.glob("functions/*/app.py"),
    *ROOT.glob("layers/common/slotkeeper/**/*.py"),
    ROOT / "template.yaml",
]
OTHER_ORIGINS = re.compile(r"access-control-|\bcors\b|set-cookie", re.IGNORECASE)


@pytest.mark.parametrize("route", ROUTES)
def test_answer_sets_no_cookie_lets_no_other_origin_read_it_and_leads_nowhere(route: str) -> None:
    origin = ("Origin", "https://elsewhere.example")

    answer = call(route, authorizer=None, headers=[origin, ("Cookie", "a=b"), *HEADERS])

    told = json.dumps(answer).lower()
    assert "access-control-" not in told
    assert "set-cookie" not in told
    assert "elsewhere.example" not in told
    assert not 300 <= answer["statusCode"] < 400


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_is_deployed_has_cookies_or_opens_itself_to_other_origins(
    source: Path,
) -> None:
    assert not OTHER_ORIGINS.search(source.read_text())


@pytest.mark.parametrize(
    "text", ['"Set-Cookie": "a=b"', "Access-Control-Allow-Origin: '*'", "Cors: \"'*'\""]
)
def test_control_what_would_open_it_is_found(text: str) -> None:
    assert OTHER_ORIGINS.search(text)
