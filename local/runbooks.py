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
from local.config import ADMIN, ENVIRONMENT, ROOT, STACK, Config
from local.progress import LocalError

_BLOCK = re.compile(
    r"^[ \t]*```(?:sh|bash|shell|console)?[ \t]*\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL
)
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


def run(
    config: Config, command: str, variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """The command as written, by the shell, from the checkout, against this very system.

    `variables` are what the operator sets besides those of docs/runbooks/README.md.

    Raises:
        LocalError: it takes too long.
    """
    endpoint = {"AWS_ENDPOINT_URL": config.aws_endpoint}
    environment = {
        **os.environ,
        **ADMIN,
        **endpoint,
        # `python` is the one that has what the commands need.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "common")]),
        "SLOTKEEPER_STATE": str(config.state),
        "STORES": f"--stack {config.state / 'stack.json'}",
        "QUEUES": f"--stack {config.state / 'stack.json'}",
        "STACK": STACK,
        "ENVIRONMENT": ENVIRONMENT,
        **variables,
    }
    try:
        return subprocess.run(
            ["/bin/sh", "-euc", command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise LocalError(f"{command!r} took longer than {_SECONDS:.0f} s") from error
