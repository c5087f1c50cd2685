"""What docs/security.md says is so: each place and test is there, and nothing is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.config import ROOT
from tests.support.asvs import LEVELS
from tests.support.security_page import (
    API_ITEMS,
    HEADER,
    REASONS,
    left_out,
    not_met,
    rows_of,
    untrue,
)

TEXT = (ROOT / "docs" / "security.md").read_text()

TEST = "`tests/test_doors.py::test_nobody_gets_in`"
GOOD = f"| API1 | who gets in | `slotkeeper/doors.py` | {TEST}, `::test_but_the_owner` |"


def test_every_place_test_and_page_it_names_is_there() -> None:
    assert untrue(TEXT, ROOT) == []


def test_every_item_of_the_api_top_ten_and_of_asvs_has_a_row() -> None:
    assert left_out(TEXT) == []


def test_what_is_not_met_is_summed_up() -> None:
    summed_up, told = not_met(TEXT)

    assert told
    assert summed_up == told


def test_every_word_for_a_reason_is_explained() -> None:
    for word in REASONS:
        assert f"**{word}**" in TEXT


# --- and it can fail ------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small project."""
    for name, text in {
        "docs/deploy.md": "",
        "layers/common/slotkeeper/doors.py": "",
        "tests/test_doors.py": (
            "import pytest\n\n"
            '@pytest.mark.parametrize("who", ["a", "b"])\n'
            "def test_nobody_gets_in(who): ...\n\n"
            "def test_but_the_owner(): ...\n\n"
            "# def test_thought_of_only(): ...\n\n"
            "def helper():\n    def test_within(): ...\n"
        ),
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def page(*rows: str) -> str:
    return "\n".join(["# Security", "", HEADER, "| --- | --- | --- | --- |", *rows, ""])


@pytest.mark.parametrize(
    "row",
    [
        GOOD,
        GOOD.replace("API1", "1.2.6-8, 8.2.2"),
        f"| API1 | a | `slotkeeper/doors.py`, `docs` | In part: the back door is open. {TEST} |",
        "| API1 | a | – | No such thing: there are no doors |",
        "| API1 | a | [deploy.md](deploy.md#doors) | Deployer: has to lock the doors |",
    ],
)
def test_a_row_that_is_true_is_not_complained_of(root: Path, row: str) -> None:
    assert untrue(page(row), root) == []


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (GOOD.replace("slotkeeper/doors", "slotkeeper/gates"), "there is no such file"),
        (GOOD.replace("slotkeeper/doors.py", "doors"), "doors: there is no such file"),
        (GOOD.replace("test_doors", "test_gates"), "no such file of tests"),
        (GOOD.replace("tests/test_doors", "slotkeeper/doors"), "no such file of tests"),
        (GOOD.replace("nobody_gets", "no_one_gets"), "has no test_no_one_gets_in"),
        (GOOD.replace("test_but_the_owner", "test_thought_of_only"), "has no test_thought_of"),
        (GOOD.replace("test_but_the_owner", "test_within"), "has no test_within"),
        (GOOD.replace("test_but_the_owner", "helper"), "has no helper"),
        (GOOD.replace("`slotkeeper/doors.py`", "somewhere"), "names no place"),
        (GOOD.replace("`slotkeeper/doors.py`", "–"), "says not why"),
        (GOOD.replace("API1", "API11"), "API11 is none"),
        (GOOD.replace("API1", "1.2.99"), "1.2.99 is none"),
        (GOOD.replace("API1", "the first"), "the first is none"),
        (GOOD.replace("| who gets in ", ""), "four cells"),
        (GOOD.replace("who gets in", ""), "four cells"),
        ("| API1 | a | `slotkeeper/doors.py` | it is well known |", "neither a test nor a reason"),
        ("| API1 | a | `slotkeeper/doors.py` | Not met: later |", "neither a test nor a reason"),
        ("| API1 | a | `slotkeeper/doors.py` | `test_doors` |", "neither a test nor a reason"),
        ("| API1 | a | [x](gone.md) | Deployer: has to lock the doors |", "no such page"),
        (f"{GOOD}\n\nSee `docs/gone.md`.", "docs/gone.md: there is no such file"),
    ],
)
def test_a_row_that_is_not_true_is_found(root: Path, row: str, complaint: str) -> None:
    assert complaint in "; ".join(untrue(page(row), root))


def rows_for(ids: list[str]) -> str:
    return page(*(GOOD.replace("API1", id_) for id_ in ids))


def test_what_is_left_out_or_there_twice_is_found() -> None:
    asked = [*API_ITEMS, *(id_ for id_, level in LEVELS.items() if level < 3)]

    assert len(asked) == 10 + 253
    assert left_out(rows_for(asked)) == []
    assert left_out(rows_for([*asked, "15.4.2"])) == []  # level 3 may be told of
    for id_ in ("API7", "16.5.3"):
        assert left_out(rows_for([one for one in asked if one != id_])) == [f"{id_}: no row"]
    assert left_out(rows_for([*asked, "1.2.4"])) == ["1.2.4: 2 rows"]


def test_rows_of_other_tables_are_not_taken_for_ours() -> None:
    text = page(GOOD) + "\n| what | why |\n| --- | --- |\n| API2 | because |\n"

    assert [row.ids for row in rows_of(text)] == [("API1",)]


def test_what_is_not_met_and_kept_quiet_is_found() -> None:
    row = "| API1 | a | – | Not met: nobody has built it |"

    assert not_met(page(row)) == (set(), {"API1"})
    assert not_met(page(row) + "\nNot met: API1, 1.1.1-2.\n") == (
        {"API1", "1.1.1", "1.1.2"},
        {"API1"},
    )
