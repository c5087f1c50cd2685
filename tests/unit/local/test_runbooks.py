"""A runbook is found by its alarm, and its commands are run as written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from local import runbooks
from local.alarms import Alarm
from local.progress import LocalError

PAGE = """# SMS are not sent
Do not run `python -m ops providers switch now`.

```sh
python -m ops providers status --stack .local/stack.json  # which are open
python -m ops providers switch none \\
  --stack .local/stack.json
```
Then:
```
$ make check
```
"""
ALARM = Alarm(
    id="sms-provider-down",
    state="ALARM",
    reason="",
    description="SMS go by email. Runbook: docs/runbooks/sms-provider-down.md.",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "runbooks").mkdir(parents=True)
    (tmp_path / "docs" / "runbooks" / "sms-provider-down.md").write_text(PAGE)
    return tmp_path


def test_an_alarm_leads_to_its_runbook_also_by_an_address_on_the_web(root: Path) -> None:
    on_the_web = "See https://wiki.example/ops/sms-provider-down.md (on duty)"

    assert ALARM.runbook == "docs/runbooks/sms-provider-down.md"
    assert runbooks.of(ALARM, root).text == PAGE
    assert runbooks.of(replace(ALARM, description=on_the_web), root).text == PAGE


@pytest.mark.parametrize("description", ["Nothing.", "docs/runbooks/other.md"])
def test_an_alarm_without_a_runbook_that_is_there_is_told_of(root: Path, description: str) -> None:
    with pytest.raises(LocalError, match="sms-provider-down"):
        runbooks.of(replace(ALARM, description=description), root)


def test_a_command_is_found_by_words_of_it_in_the_blocks_alone(root: Path) -> None:
    book = runbooks.of(ALARM, root)

    assert book.command("providers", "status") == (
        "python -m ops providers status --stack .local/stack.json"
    )
    assert book.command("providers", "switch").split()[-3:] == [
        "none",
        "--stack",
        ".local/stack.json",
    ]
    assert book.command("make", "check") == "make check"
    with pytest.raises(LocalError, match="switch now"):
        book.command("switch", "now")


def test_what_the_operator_fills_in_is_filled_in() -> None:
    values = {"slot id": "sl_1; rm"}

    assert runbooks.filled("ops locks release <slot-id>", values) == "ops locks release 'sl_1; rm'"
    assert runbooks.filled("ops locks release SLOT_ID", values).endswith("'sl_1; rm'")
    with pytest.raises(LocalError, match="<who>"):
        runbooks.filled("ops locks release <who>", values)
