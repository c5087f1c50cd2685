"""The runbooks: each is whole, and each of their commands is one that there is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.config import ROOT
from tests.support import aws_words, runbooks
from tests.support.aws_words import NoSuchCommand
from tests.support.runbooks import FOLDER, PAGES, Step

NAMED = {
    "STACK": "slotkeeper-prod",
    "ENVIRONMENT": "prod",
    "QUEUES": "--stack-name slotkeeper-prod",
    "STORES": "--mongo-uri mongodb://m/slotkeeper --redis-url rediss://r --environment prod",
}
"""What the README has one set; the rest is what a page tells of: an id, a name."""
TOLD = {
    "SLOT": "sl_1",
    "USER_ID": "user-1",
    "ID": "bk_1",
    "GROUP": "slotkeeper",
    "PARAMETERS": "slotkeeper",
}
STEPS = list(runbooks.steps({**NAMED, **TOLD}))


def of(program: str) -> list[Step]:
    return [step for step in STEPS if step.words[0] == program]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_says_what_one_sees_where_to_look_what_to_do_and_how_to_know(page: Path) -> None:
    text = page.read_text()

    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)

    assert parts[1::2] == ["Symptom", "Look", "Act", "Verify"]
    assert all(part.strip() for part in parts[2::2])
    look, verify = parts[4], parts[8]
    assert "```sh\n" in look
    assert "```sh\n" in verify
    assert len(text.splitlines()) < 70, "short enough for the night"


@pytest.mark.parametrize("page", [FOLDER / "README.md", *PAGES], ids=lambda page: page.stem)
def test_every_page_that_a_runbook_links_or_names_is_there(page: Path) -> None:
    text = page.read_text()
    linked = {page.parent / link for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)}
    named = {ROOT / name for name in re.findall(r"docs/[\w-]+\.md", text)}

    assert {path for path in linked | named if not path.exists()} == set()


def test_every_page_is_in_the_index() -> None:
    linked = set(re.findall(r"\((\S+\.md)\)", (FOLDER / "README.md").read_text()))

    assert {page.name for page in PAGES} <= linked


def test_the_index_has_one_set_what_the_commands_need() -> None:
    assert runbooks.setup() == set(NAMED)


def test_every_block_of_a_runbook_is_a_shells() -> None:
    for page in (FOLDER / "README.md", *PAGES):
        for language, mark, _ in runbooks.blocks(page):
            assert language == "sh", page.name
            assert mark in {"", "setup"}, page.name


def test_commands_are_of_programs_that_an_operator_has() -> None:
    assert {step.words[0] for step in STEPS} <= {"aws", "make", "python"}
    assert {step.words[1:3] for step in of("python")} == {("-m", "ops")}
    assert len(STEPS) > 100


def once(program: str) -> list[Any]:  # Any: as pytest types them
    """Each of its commands once, whatever the time in it, so that all processes find the same."""
    found = {re.sub(r"\d{4}-\d\d-\d\dT[0-9:]+Z", "TIME", str(step)): step for step in of(program)}
    return [pytest.param(step, id=id_) for id_, step in sorted(found.items())]


@pytest.mark.parametrize("step", once("aws"))
def test_aws_would_take_it(step: Step) -> None:
    aws_words.check(step.words)


@pytest.mark.parametrize("step", once("make"))
def test_make_knows_it(step: Step) -> None:
    done = subprocess.run(
        [shutil.which("make") or "make", "-n", *step.words[1:]],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


METRIC = (
    "aws cloudwatch get-metric-statistics --namespace N --metric-name M --period 60"
    " --start-time 2026-01-01 --end-time 2026-01-02"
)


@pytest.mark.parametrize(
    "wrong",
    [
        "aws cloudwatches describe-alarms",
        "aws cloudwatch describe-alarm",
        "aws cloudwatch describe-alarms --alarm-name x",
        "aws cloudwatch describe-alarms --state-value ALARMED",
        "aws cloudwatch describe-alarms --query MetricAlarms[",
        "aws cloudwatch describe-alarms --output tabel",
        "aws cloudwatch describe-alarms stray",
        "aws lambda put-function-concurrency --function-name x",
        "aws lambda invoke --function-name x --invocation-type Event",
        "aws lambda get-account-settings --max-items 3",
        f"{METRIC} --dimensions Nam=a",
        "aws logs tail group --sinse 15m",
        "aws logs tail",
    ],
)
def test_a_command_that_aws_would_refuse_is_found(wrong: str) -> None:
    with pytest.raises((NoSuchCommand, ValueError)):
        aws_words.check(wrong.split(" "))


@pytest.mark.parametrize("line", ["python -m ops check $STORAGE", "false"])
def test_a_line_that_a_shell_would_not_run_as_meant_is_found(line: str) -> None:
    with pytest.raises(AssertionError, match="page: "):
        list(runbooks._told("page", line, NAMED))


def test_a_program_that_nobody_knows_is_found() -> None:
    [step] = runbooks._told("page", "pyton -m ops", NAMED)

    assert step.words[0] == "unknown"
