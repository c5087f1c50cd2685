"""What is made of figures: judged against their limits, told in a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import report, targets
from bench.cold import _by_package
from bench.series import Found, Ratio, Series, figures, interleaved
from local.progress import say


def of(name: str, *samples: float) -> Found:
    return {name: Series(name, "ms", samples)}


@pytest.fixture
def held() -> Found:
    return {
        **of("floor.hold.ms", 1.0, 2.0, 3.0),
        **of("floor.hold.cpu_us", 416.0),
        **of("warm.hold.ms", 2.0, 3.0, 4.0),
        **of("warm.hold.cpu_us", 1201.0),
    }


def row(found: Found, metric: str) -> targets.Row:
    [one] = [row for row in targets.judge(found) if row.metric == metric]
    return one


def test_a_figure_at_its_limit_is_met_and_one_beyond_is_not(held: Found) -> None:
    at_limit = row(held, "hold, warm: beside the bare calls")
    beyond = row(held | of("warm.hold.ms", 3.1), "hold, warm: beside the bare calls")

    assert (at_limit.figure, at_limit.is_met, at_limit.profile) == ("1.50 × bare", True, "")
    assert (beyond.figure, beyond.is_met, beyond.profile) == ("1.55 × bare", False, "warm.hold")


def test_an_absolute_limit_grows_with_how_slow_the_processor_is(held: Found) -> None:
    told = row(held, "hold, warm: processor")

    assert (told.limit, told.is_met) == ("≤ 1,200 µs", False)


def test_what_was_not_measured_is_said_so() -> None:
    rows = targets.judge({})

    assert len(rows) > 30
    assert {one.is_met for one in rows} == {None}
    assert report.summed(rows) == f"0 targets met, 0 not, {len(rows)} not measured"


def test_every_route_that_grew_has_a_row() -> None:
    found: Found = {"growth.hold.ratio": 1.0, "growth.relay.ratio": 1.3}

    met = {r.metric: r.is_met for r in targets.judge(found) if r.metric.startswith("growth")}

    assert met == {"growth 10k → 1M: hold": True, "growth 10k → 1M: relay": False}


def test_a_short_run_does_not_say_that_it_grew_to_a_million() -> None:
    grown: Found = {"growth.smallest": 1_000, "growth.largest": 20_000, "growth.hold.ratio": 1.0}

    assert row(grown, "growth 1k → 20k: hold").limit == "≤ 1.25 × 1k"


def test_only_what_is_between_the_marks_is_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = report.MARKS
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")

    report.write_between(page, r"new \1")

    assert page.read_text() == f"before\n{begin}\nnew \\1\n{end}\nafter\n"


def test_a_page_without_the_marks_is_left_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n")

    with pytest.raises(ValueError, match="has no place"):
        report.write_between(page, "new")


def test_kinds_are_run_once_a_round_in_another_order_each_time() -> None:
    order: list[str] = []
    kinds = {name: lambda name=name: order.append(name) for name in "abcd"}

    taken = interleaved(kinds, 6, say)

    rounds = [order[n : n + 4] for n in range(0, 24, 4)]
    assert all(sorted(one) == list("abcd") for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1
    assert [len(values) for values in taken.values()] == [6] * 4


def test_figures_are_named_for_their_kind_and_keep_their_units() -> None:
    taken = {"warm.hold": [{"ms": 1, "status": 202}, {"ms": 3, "status": 202}]}

    found = figures(taken, {"ms": "ms"})

    assert found == {"warm.hold.ms": Series("warm.hold.ms", "ms", (1.0, 3.0))}


def test_a_ratio_is_of_medians_and_of_the_slowest() -> None:
    ratio = Ratio(Series("a", "ms", (2.0, 4.0, 90.0)), Series("b", "ms", (1.0, 2.0, 30.0)))

    assert (ratio.value, ratio.p99) == (2.0, 3.0)


def test_import_times_are_summed_by_package_and_ours_by_room() -> None:
    told = """import time: self [us] | cumulative | imported package
import time:      1500 |       1500 |   pymongo.errors
import time:       500 |       2000 | pymongo
import time:      3000 |       3000 |     slotkeeper.domain.slot
"""

    assert _by_package(told) == [("slotkeeper.domain", 3.0), ("pymongo", 2.0)]
