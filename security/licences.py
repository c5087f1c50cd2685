"""Under which licences the packages come that we install, and those we ship in the layers."""

from __future__ import annotations

import re
import tomllib
from email.message import Message
from pathlib import Path

from security.findings import Finding, ScanFailed
from security.installed import distributions_in

LIST = Path(__file__).parent / "licences.toml"
_BY_CLASSIFIER = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_BY_WORDS = {"3-Clause BSD License": "BSD-3-Clause"}
_WORDS = re.compile(r"[\w.+-]+(?: (?:AND|OR) [\w.+-]+)*")


def licence(metadata: Message) -> str:
    """A package's licence as an SPDX expression; else its own words, or `unknown`."""
    if stated := metadata["License-Expression"]:
        return str(stated)
    classified = [
        line.rsplit("::", 1)[-1].strip()
        for line in metadata.get_all("Classifier", [])
        if line.startswith("License ::")
    ]
    known = sorted({_BY_CLASSIFIER.get(name, name) for name in classified} - {"DFSG approved"})
    if known:
        return " AND ".join(known)
    own_words = (str(metadata["License"] or "").splitlines() or ["unknown"])[0].strip()
    return _BY_WORDS.get(own_words, own_words)


def allowed(expression: str, accepted: frozenset[str]) -> bool:
    """Whether one of its alternatives asks for accepted licences only."""
    if not _WORDS.fullmatch(expression):
        return False
    return any(
        all(each in accepted for each in alternative.split(" AND "))
        for alternative in expression.split(" OR ")
    )


def accepted(use: str, file: Path = LIST) -> frozenset[str]:
    """The licences that packages may have for `use`: `ships` or `tools`."""
    told = tomllib.loads(file.read_text())
    return frozenset(told["ships"]["licences"]) | (
        frozenset(told["tools"]["licences"]) if use == "tools" else frozenset()
    )


def of_environment(venv: Path, use: str, only: frozenset[str] | None = None) -> list[Finding]:
    """Packages in an environment whose licence is not accepted (of those in `only`, if given).

    Raises:
        ScanFailed: the environment is not there.
    """
    installed = list(distributions_in(venv.glob("lib/*/site-packages")))
    if not installed:
        raise ScanFailed(f"no packages in {venv}")
    good = accepted(use)
    return [
        Finding(rule="licence", place=f"{use} {one.name}", what=told)
        for one in installed
        if only is None or one.name in only
        if not allowed(told := licence(one.metadata), good)
    ]
