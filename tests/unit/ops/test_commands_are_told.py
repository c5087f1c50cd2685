"""The table of docs/operator.md is that of the commands that there are."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

import pytest

from local.config import ROOT
from ops import queues, stores
from ops.__main__ import COMMANDS

PAGE = (ROOT / "docs" / "operator.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = {
    *("indexes", "locks", "providers", "drain", "outbox", "slow", "seed", "backup", "drill"),
    *("go-live",),
}
"""Of PLAN's commands, those that the running local system is asked by."""


def where() -> set[str]:
    """Options that say where the system is: told once, above the table."""
    parser = argparse.ArgumentParser()
    stores.add_arguments(parser)
    queues.add_stack_arguments(parser)
    return {option for action in parser._actions for option in action.option_strings}


def parsers() -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Each command, and each action that has options of its own."""
    for name, (command, does) in COMMANDS.items():
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        inner = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        if not inner:
            yield name, does, parser
        for choices in inner:
            for action, of_action in choices.choices.items():
                yield f"{name} {action}", does, of_action


def row_of(name: str, does: str, parser: argparse.ArgumentParser) -> tuple[str, str, str]:
    words, options = [name], []
    for action in parser._actions:
        if action.option_strings:
            long = action.option_strings[-1]
            options += [] if long in where() | {"--help"} else [long]
        elif action.choices:
            words.append("|".join(map(str, action.choices)))
        else:
            words.append((str(action.metavar) if action.metavar else action.dest).upper())
    return (" ".join(words), does, " ".join(sorted(options)))


def told() -> list[tuple[str, str, str]]:
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ((?:`[^`]*`|–)) \|", PAGE, re.MULTILINE)
    # A bar between two words is written as &#124; in a table.
    return [
        (command.replace("&#124;", "|").replace("\\|", "|"), does, options.strip("`–"))
        for command, does, options in rows
    ]


def test_the_table_has_every_command_as_it_is_typed() -> None:
    assert told() == [row_of(*one) for one in parsers()]


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_the_running_system_is_asked_by_make(target: str) -> None:
    assert re.search(rf"^{target}: ##", MAKEFILE, re.MULTILINE)


CHANGING = {"indexes", "locks release", "dlq", "drain", "seed", "erase", "slow", "go-live"} | {
    *("backup", "restore", "drill", "promote", "demote", "providers switch", "release"),
}


def test_what_changes_something_can_be_tried_without() -> None:
    by_name = {name: row_of(name, does, parser) for name, does, parser in parsers()}

    for name in CHANGING & by_name.keys():
        assert "--dry-run" in by_name[name][2], name
    assert by_name.keys() >= CHANGING
