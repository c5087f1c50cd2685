"""The runbooks as an operator uses them: found by an alarm, their commands run as written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.alarms import Alarm
from local.config import ROOT, Config
from local.progress import LocalError

_BLOCK = re.compile(
    r"^[ \t]*```(?:sh|bash|shell|console)?[ \t]*\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL
)
_PLACEHOLDER = re.compile(r"<([\w -]+)>|\b([A-Z][A-Z_]+_ID)\b")
_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Runbook:
    """A page of docs/runbooks, or wherever the alarm says."""

    path: Path
    text: str

    def command(self, *words: str) -> str:
        """The first command in it with all of these words. Raises LocalError: there is none."""
        for block in _BLOCK.findall(self.text):
            for line in str(block).replace("\\\n", " ").splitlines():
                command = line.strip().removeprefix("$ ").partition(" #")[0].strip()
                if command and set(words) <= set(shlex.split(command)):
                    return command
        raise LocalError(f"{self.path} has no command with {' '.join(words)!r}")


def of(alarm: Alarm, root: Path = ROOT) -> Runbook:
    """Raises LocalError: the alarm names none, or one that is not there."""
    if alarm.runbook is None:
        raise LocalError(f"the description of alarm {alarm.id} names no runbook")
    # It may be an address on the web, where the team reads it: the page is this one.
    path = root / "docs" / "runbooks" / Path(alarm.runbook).name
    try:
        return Runbook(path, path.read_text())
    except OSError as error:
        raise LocalError(f"alarm {alarm.id} names {alarm.runbook}, which is not there") from error


def filled(command: str, values: Mapping[str, str]) -> str:
    """The command with what an operator fills in: `<slot id>` and `SLOT_ID` by the name "slot id".

    Raises:
        LocalError: it asks for something else.
    """

    def fill(found: re.Match[str]) -> str:
        name = (found[1] or found[2]).lower().replace("_", " ").replace("-", " ")
        if name not in values:
            raise LocalError(f"what is {found[0]!r} in {command!r}?")
        return shlex.quote(values[name])

    return _PLACEHOLDER.sub(fill, command)


def run(config: Config, command: str) -> subprocess.CompletedProcess[str]:
    """The command as written, from the checkout, against this very system."""
    argv = shlex.split(command)
    if argv[:2] in (["python", "-m"], ["python3", "-m"]):
        argv[0] = sys.executable
    argv = [
        str(config.state / "stack.json") if word == ".local/stack.json" else word for word in argv
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "common")]),
        "SLOTKEEPER_STATE": str(config.state),
    }
    try:
        return subprocess.run(
            argv,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise LocalError(f"{argv[0]} is no program here: {command!r}") from error
    except subprocess.TimeoutExpired as error:
        raise LocalError(f"{command!r} took longer than {_SECONDS:.0f} s") from error
