"""Lines of metrics under a label: each is of its own readings alone."""

from __future__ import annotations

import json

import pytest

from slotkeeper.entrypoints import metrics
from slotkeeper.readings import Readings


@pytest.mark.parametrize("values", [1, 99, 100, 101])
def test_a_label_is_on_no_line_but_its_own(capsys: pytest.CaptureFixture[str], values: int) -> None:
    taken: Readings = {("redis_ms", "eval"): [1.0] * values, ("cache_hits_total", "slots"): [1.0]}

    metrics.tell(taken, request_id="1", share=1.0)

    of_redis, of_cache = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert of_redis["command"] == "eval"
    assert of_cache["cache"] == "slots"
    assert "command" not in of_cache
    [told] = of_cache["_aws"]["CloudWatchMetrics"]
    assert {name for names in told["Dimensions"] for name in names} == {"service", "cache"}
