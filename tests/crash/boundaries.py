"""The effects of every scenario as they were last looked at, so that none is added unnoticed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

FILE = Path(__file__).with_name("boundaries.txt")
_HEAD = "# Written by `make crash-boundaries`: each scenario, its effects in order.\n"


def read() -> dict[str, list[str]]:
    known: dict[str, list[str]] = {}
    name = ""
    for line in FILE.read_text().splitlines() if FILE.exists() else []:
        if line.startswith("  "):
            known[name].append(line.strip())
        elif line and not line.startswith("#"):
            name = line
            known[name] = []
    return known


def write(effects: Mapping[str, Sequence[str]]) -> None:
    parts = ["\n".join([name, *(f"  {label}" for label in effects[name])]) for name in effects]
    FILE.write_text("\n\n".join([_HEAD.rstrip(), *parts]) + "\n")


def difference(known: Sequence[str], found: Sequence[str]) -> str:
    """Empty where there is none."""
    lines = difflib.unified_diff(known, found, "boundaries.txt", "this run", lineterm="", n=2)
    return "\n".join(lines)
