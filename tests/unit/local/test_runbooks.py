"""A runbook is found by its alarm, and its commands are run as written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from local import runbooks
from local.alarms import Alarm
from local.config import from_environment
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


def test_a_command_runs_with_the_variables_that_runbooks_use(tmp_path: Path) -> None:
    config = replace(from_environment(), state=tmp_path)

    done = runbooks.run(config, 'echo "$STACK $ENVIRONMENT $SLOT" $STORES; false', {"SLOT": "s1"})

    assert done.stdout == f"slotkeeper-local local s1 --stack {tmp_path}/stack.json\n"
    assert done.returncode == 1
    assert runbooks.run(config, "echo $NOT_SET_BY_ANYBODY", {}).returncode != 0
