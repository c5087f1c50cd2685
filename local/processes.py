"""Servers in the background: started once, known by pid and start time, ended by us alone."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.config import HOST
from local.progress import LocalError

_ours: dict[int, subprocess.Popen[bytes]] = {}
"""What this process started, by pid: kept, as they are meant to outlive us."""


@atexit.register
def _leave() -> None:
    """Have no warning of those that go on, or that ended and were not missed."""
    for process in _ours.values():
        if process.poll() is None:
            process.returncode = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A program that listens on `port`; `port_setting` is how a user moves it."""

    name: str
    argv: Sequence[str]
    port: int
    port_setting: str
    home: Path
    is_ready: Callable[[], bool]
    prepare: Callable[[], object] = lambda: None
    """Lays out its home just before it starts."""
    env: Mapping[str, str] = field(default_factory=dict)
    made_from: str = ""
    """What it was installed from. A server that runs from something else, or otherwise (another
    port), is restarted."""

    @property
    def log(self) -> Path:
        return self.home / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        return self.home / f"{self.name}.pid"

    @property
    def pid(self) -> int | None:
        """The process that we started, while it runs."""
        return _running(self.pid_file)

    def is_running(self) -> bool:
        return self.pid is not None

    def start(self) -> bool:
        """Start it unless it runs; whether it was started. Raises LocalError: the port is busy."""
        was_ours = self.pid_file.exists()
        if self.is_running():
            known = _known(self.pid_file)
            if (known.get("argv"), known.get("made_from")) == (list(self.argv), self.made_from):
                return False
            stop(self.pid_file)
        if not self._gets_port(5.0 if was_ours else 0.0):
            raise LocalError(
                f"port {self.port} for {self.name} is in use by another program; "
                f"choose another: {self.port_setting}={self.port + 1} make run"
            )
        self.home.mkdir(parents=True, exist_ok=True)
        self.prepare()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.argv,
                cwd=self.home,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Its own session: Ctrl-C at the terminal is for us, who then end it in order.
                start_new_session=True,
            )
        _ours[process.pid] = process
        started = _start_time(process.pid)
        known = {"pid": process.pid, "started": started}
        made = {"argv": list(self.argv), "made_from": self.made_from}
        self.pid_file.write_text(json.dumps(known | made))
        return True

    def _gets_port(self, seconds: float) -> bool:
        """Whether the port is free, or becomes so as a server of ours that was killed goes away."""
        ends_at = time.monotonic() + seconds
        while is_taken(self.port):
            if time.monotonic() >= ends_at:
                return False
            time.sleep(0.05)
        return True

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Raises LocalError: it ended, or did not answer in time."""
        ends_at = time.monotonic() + seconds
        while not self.is_ready():
            if not self.is_running():
                raise LocalError(f"{self.name} ended while starting:\n{_tail(self.log)}")
            if time.monotonic() > ends_at:
                raise LocalError(f"{self.name} did not get ready; see {self.log}")
            time.sleep(0.05)


def stop(pid_file: Path, seconds: float = 10.0) -> bool:
    """End the server of that pid file, if it is still the one we started; whether it ran."""
    return bool(stop_together([pid_file], seconds))


def stop_together(pid_files: Sequence[Path], seconds: float = 10.0) -> list[Path]:
    """The same with several that need not wait for each other; the files of those that ran."""
    running = {file: pid for file in pid_files if (pid := _running(file)) is not None}
    for pid in running.values():
        os.kill(pid, signal.SIGTERM)
    ends_at = time.monotonic() + seconds
    for file, pid in running.items():
        while _running(file) is not None:
            if time.monotonic() > ends_at:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
    for ours in _ours:
        _reap(ours)
    for file in pid_files:
        file.unlink(missing_ok=True)
    return list(running)


def _running(pid_file: Path) -> int | None:
    """The pid in the file, if that very process still runs: pids are used again."""
    known = _known(pid_file)
    pid = known.get("pid")
    if pid is None:
        return None
    _reap(pid)
    started = _start_time(pid)
    return pid if started is not None and started == known["started"] else None


def _known(pid_file: Path) -> dict[str, Any]:
    try:
        known: dict[str, Any] = json.loads(pid_file.read_text())
    except (OSError, ValueError):
        return {}
    return known


def _reap(pid: int) -> None:
    """Notice that a child of ours has ended; others' are theirs to notice."""
    if pid in _ours:
        _ours[pid].poll()


def _start_time(pid: int) -> str | None:
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    answer = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or None


def is_taken(port: int) -> bool:
    """Whether somebody listens there (or did so exclusively a moment ago)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
