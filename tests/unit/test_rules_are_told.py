"""What the checker knows, its documentation tells."""

from __future__ import annotations

import re

from local.config import ROOT
from ops.check import RULES


def test_each_rule_is_documented_as_it_is() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()

    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \|$", text, re.MULTILINE)

    told = {name: (int(invariant), meaning) for name, invariant, meaning in rows}
    assert told == {r.name: (r.invariant, r.meaning) for r in RULES.values()}
