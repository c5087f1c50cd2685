"""The commands of docs/runbooks, as a shell would run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.config import ROOT

FOLDER = ROOT / "docs" / "runbooks"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
BASH = shutil.which("bash") or "bash"
_BLOCK = re.compile(r"^```(\S*)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SET = re.compile(r"\b([A-Z_]+)=")
# A command tells its words and how it may end, instead of running; within $(...) it says something.
_TELL = r"""
set -u
tell() { printf '%s\0' "$@" >&3; printf '\n\0' >&3; echo told; }
aws() { tell aws "$@"; }
make() { tell make "$@"; }
python() { tell python "$@"; }
command_not_found_handle() { tell unknown "$@"; }
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a page, with what the shell makes of its variables."""

    page: str
    words: tuple[str, ...]
    may_say_no: bool
    """Exit code 1 is an answer there, not a failure."""

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Language, mark and text of each fenced block."""
    return _BLOCK.findall(page.read_text())


def setup() -> set[str]:
    """The variables that the README has the reader set."""
    return {
        name
        for _, mark, text in blocks(FOLDER / "README.md")
        if mark == "setup"
        for name in _SET.findall(text)
    }


def steps(variables: Mapping[str, str]) -> Iterator[Step]:
    """Every command of every page. Fails where one needs a variable that nobody sets."""
    for page in (FOLDER / "README.md", *PAGES):
        for language, mark, text in blocks(page):
            if language == "sh" and mark != "setup":
                yield from _told(page.name, text, variables)


def _told(page: str, text: str, variables: Mapping[str, str]) -> Iterator[Step]:
    for line in text.replace("\\\n", " ").splitlines():
        command, _, alternative = line.partition("||")
        assert alternative.strip() in {"", "test $? -eq 1"}, f"{page}: {line}"
        read, write = os.pipe()
        with os.fdopen(read, "rb") as told:
            done = subprocess.run(  # what our own pages say, by commands that only tell
                [BASH, "-c", f"exec 3>&{write}\n{_TELL}\n{command}"],
                env={"PATH": os.environ["PATH"], **variables},
                pass_fds=[write],
                capture_output=True,
                text=True,
                check=False,
            )
            os.close(write)
            said = told.read().decode()
        assert (done.returncode, done.stderr) == (0, ""), f"{page}: {line}\n{done.stderr}"
        for words in said.split("\0\n\0")[:-1]:
            yield Step(page, tuple(words.split("\0")), may_say_no=bool(alternative))
