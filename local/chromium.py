"""The browser that the browser tests drive: the machine's own, else one fetched into `.local/`.

Nothing of the machine is changed, and nobody need be root: apt resolves and checks the packages by
the machine's own sources and keys, in folders of ours, and they are unpacked, not installed.
`python -m local.chromium` makes sure of it and prints where it is.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.config import TOOLS
from local.progress import LocalError, say

SETTING = "SLOTKEEPER_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
PACKAGES = ("chromium-headless-shell", "chromium")
"""The first that the machine's sources know: the one without windows needs a quarter less."""
FONTS = "fonts-liberation"
ARGUMENTS = ("--no-sandbox", "--disable-gpu")
"""Its sandbox is not for root, nor for most containers; only our own pages are opened."""
HOW = (
    "no Chromium was found, and none could be fetched: install Chromium or Chrome with the"
    f" machine's package manager, or name it by {SETTING}=/path/to/chromium"
)


@dataclass(frozen=True, slots=True)
class Chromium:
    program: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """What it needs beside the caller's own variables."""


def find_or_fetch(home: Path = TOOLS / "chromium", path: str | None = None) -> Chromium:
    """One that runs; fetched into `home` if neither `SETTING` names one nor `path` ($PATH) has any.

    Raises:
        LocalError: there is none, and apt cannot get one; or the one named does not run.
    """
    named = os.environ.get(SETTING)
    if named:
        if not _runs(Chromium(named)):
            raise LocalError(f"{SETTING}={named} does not run")
        return Chromium(named)
    for name in NAMES:
        installed = shutil.which(name, path=path)
        # Some systems have a script of that name that only says where to get it.
        if installed and _runs(Chromium(installed)):
            return Chromium(installed)
    home.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            _fetch(home, path)
            (home / "complete").touch()
    return _unpacked(home)


def _fetch(home: Path, path: str | None) -> None:
    apt_get, dpkg_deb = (shutil.which(tool, path=path) for tool in ("apt-get", "dpkg-deb"))
    if apt_get is None or dpkg_deb is None:
        raise LocalError(HOW)
    say(f"no chromium on this machine: fetching one, some 160 MB, into {home}")
    shutil.rmtree(home)
    apt, root = home / "apt", home / "root"
    for folder in (apt / "lists" / "partial", apt / "archives" / "partial", root):
        folder.mkdir(parents=True)
    fetch = ("install", "--download-only", "--yes", "--no-install-recommends", FONTS)
    if not _apt(apt_get, apt, "update") or not any(
        _apt(apt_get, apt, *fetch, package) for package in PACKAGES
    ):
        raise LocalError(HOW)
    for package in sorted((apt / "archives").glob("*.deb")):
        subprocess.run([dpkg_deb, "-x", str(package), str(root)], check=True)
    shutil.rmtree(apt)
    _write_fonts(home)
    if not _runs(_unpacked(home)):
        raise LocalError(HOW)
    say("chromium is there")


def _apt(program: str, home: Path, *arguments: str) -> bool:
    """Whether apt did it; it tells how far it is."""
    settings = (
        f"Dir::State::Lists={home / 'lists'}",
        f"Dir::Cache={home}",
        f"Dir::Cache::Archives={home / 'archives'}",
        "Debug::NoLocking=1",  # the machine's own locks are root's
        "APT::Sandbox::User=",  # whom our folders do not belong to
    )
    argv = [program, "-q", *(f"-o{setting}" for setting in settings), *arguments]
    with subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    ) as running:
        told = []
        for line in running.stdout or ():
            told.append(line)
            fetched = re.match(r"Get:([0-9]+) ", line)
            if fetched and int(fetched[1]) % 25 == 0:
                say(f"chromium: {fetched[1]} files fetched")
    if running.returncode:
        say(f"apt-get {arguments[0]}: {''.join(told[-3:]).strip()}")
    return running.returncode == 0


def _unpacked(home: Path) -> Chromium:
    root = home / "root"
    programs = (root / "usr" / "lib" / "chromium" / package for package in PACKAGES)
    libraries = sorted({str(library.parent) for library in root.rglob("*.so*")})
    found = next((program for program in programs if program.exists()), None)
    if found is None:
        raise LocalError(HOW)
    return Chromium(
        str(found),
        {
            "LD_LIBRARY_PATH": os.pathsep.join(libraries),
            "FONTCONFIG_FILE": str(home / "fonts.conf"),
        },
    )


def _write_fonts(home: Path) -> None:
    """The packages' own settings are links to where they would have been installed."""
    aliases = "".join(
        f"<alias><family>{name}</family><prefer><family>{font}</family></prefer></alias>"
        for name, font in _FAMILIES.items()
    )
    (home / "fonts.conf").write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd"><fontconfig>'
        f"<dir>{home / 'root/usr/share/fonts'}</dir><dir>/usr/share/fonts</dir>"
        f"<cachedir>{home / 'fonts'}</cachedir>{aliases}</fontconfig>\n"
    )


def _runs(chromium: Chromium) -> bool:
    """Whether it shows an empty page: its version it tells also where half of it is missing."""
    with tempfile.TemporaryDirectory() as profile:
        argv = [*ARGUMENTS, "--headless", f"--user-data-dir={profile}", "--dump-dom", "about:blank"]
        try:
            done = subprocess.run(
                [chromium.program, *argv],
                env={**os.environ, **chromium.environment},
                capture_output=True,
                check=False,
                timeout=60,
            )
        except (OSError, subprocess.SubprocessError):
            return False
    return done.returncode == 0


_FAMILIES = {
    "system-ui": "Liberation Sans",
    "sans-serif": "Liberation Sans",
    "serif": "Liberation Serif",
    "monospace": "Liberation Mono",
}


if __name__ == "__main__":
    try:
        print(find_or_fetch().program)
    except LocalError as error:
        sys.exit(f"error: {error}")
