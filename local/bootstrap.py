"""Make the project's own environments, then run the rest in them. Standard library only.

`python bootstrap.py ARG ...` makes sure of the environments under `.local/` (from the pinned
requirement files, with hashes) and becomes `<dev environment>/bin/python ARG ...`. With
`--also scan` (or load, bench, browser; again for more) before ARG it makes sure of that one too.
Everything it says goes to stderr: stdout belongs to what it becomes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
WANTED = ("3.13", "3.12", "3.11")
"""Newest first: the template's runtime is the first of these that is found."""
ENVIRONMENTS = ("dev", "sam", "emulator")
"""Apart, because SAM CLI and the emulator pin versions of botocore that exclude each other."""
ON_DEMAND = ("scan", "load", "bench", "browser")
"""What nobody needs who only wants to see the system run: scanners, half a gigabyte; locust; what
draws pictures; what drives a browser."""


def main() -> None:
    started = time.monotonic()
    arguments = sys.argv[1:]
    wanted = list(ENVIRONMENTS)
    while arguments[:1] == ["--also"]:
        if arguments[1:2] not in [[name] for name in ON_DEMAND]:
            sys.exit(f"--also takes one of {', '.join(ON_DEMAND)}")
        wanted += arguments[1:2]
        arguments = arguments[2:]
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _set_up(started, wanted)
    python = LOCAL / "venvs" / "dev" / "bin" / "python"
    os.execv(python, [str(python), *arguments])  # noqa: S606  # becomes the command


def _set_up(started: float, wanted: list[str]) -> None:
    # An environment in place pins the interpreter: looking for another takes longer than the check.
    chosen = LOCAL / "python"
    if not (chosen.exists() and _runs(Path(chosen.read_text()))):
        chosen.write_text(str(_find_python()))
    python = Path(chosen.read_text())
    _make("tools", ROOT / "requirements" / "bootstrap.txt", python, started, uv=None)
    uv = LOCAL / "venvs" / "tools" / "bin" / "uv"
    for name in wanted:
        _make(name, ROOT / "requirements" / f"{name}.txt", python, started, uv=uv)


def _make(name: str, pins: Path, python: Path, started: float, *, uv: Path | None) -> None:
    """An environment that holds what `pins` lists, and nothing else; made anew if that changed."""
    home = LOCAL / "venvs" / name
    stamp = home / "made-from"
    source = hashlib.sha256(f"{python}\n".encode() + pins.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == source:
        return
    print(f"[{time.monotonic() - started:6.1f}s] environment {name}", file=sys.stderr, flush=True)
    shutil.rmtree(home, ignore_errors=True)
    inner = home / "bin" / "python"
    if uv is None:
        _run(str(python), "-m", "venv", str(home))
        _run(
            str(inner),
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",  # nothing is built here, by tools that no file pins
            "--require-hashes",
            "-r",
            str(pins),
        )
    else:
        _run(str(uv), "venv", "-q", "--python", str(python), str(home))
        sync = ("pip", "sync", "-q", "--require-hashes", "--only-binary", ":all:")
        _run(str(uv), *sync, "--python", str(inner), str(pins))
    stamp.write_text(source)


def _run(*argv: str) -> None:
    environment = {**os.environ, "UV_CACHE_DIR": str(LOCAL / "uv-cache")}
    environment.pop("PYTHONPATH", None)
    subprocess.run(argv, check=True, env=environment, stdout=sys.stderr)  # our own


def _find_python() -> Path:
    for version in WANTED:
        for candidate in _candidates(version):
            if _runs(candidate, version):
                return candidate
    sys.exit(f"Slotkeeper needs Python {' or '.join(WANTED)}; none was found on PATH or in pyenv.")


def _candidates(version: str) -> list[Path]:
    found = [Path(sys.executable)]
    for name in (f"python{version}", "python3"):
        found += [
            Path(folder) / name
            for folder in os.environ.get("PATH", "").split(os.pathsep)
            if (Path(folder) / name).exists()
        ]
    # pyenv's shims answer only for the version that is selected: look behind them.
    pyenv = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))]
    pyenv += [p.parent.parent for p in found if p.parent.name == "shims"]
    for root in pyenv:
        found += sorted(root.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)
    return [path for path in found if path.parent.name != "shims"]


def _runs(python: Path, version: str | None = None) -> bool:
    """Whether it is an interpreter of that version that can make environments."""
    check = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run(  # a path we looked up
            [str(python), "-c", check], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return version is None or answer.stdout.strip() == version


if __name__ == "__main__":
    main()
