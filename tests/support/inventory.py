"""`docs/privacy.md`, read: which place may hold what."""

from __future__ import annotations

import re
from collections.abc import Mapping

from local.config import ROOT

_TEXT = (ROOT / "docs" / "privacy.md").read_text()


def rows_of(section: str) -> Mapping[str, frozenset[str]]:
    """What each place of a section holds, in the words of the page."""
    [body] = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", _TEXT, re.MULTILINE | re.DOTALL)
    found: dict[str, frozenset[str]] = {}
    for line in body.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| `"):
            continue
        assert len(cells) == 5, line
        assert all(cells), line
        for name in re.findall(r"`([^`]+)`", cells[0]):
            assert name not in found, f"{name} has two rows"
            found[name] = frozenset(cells[1].split(", "))
    assert found, section
    return found


def may_hold(section: str, kind: str) -> set[str]:
    """Places of the section that may hold that kind of value."""
    return {name for name, holds in rows_of(section).items() if kind in holds}


def redis_kind(key: str) -> str:
    """The row that a key belongs to, without its environment."""
    kinds = sorted(rows_of("Redis"), key=len, reverse=True)
    return next((kind for kind in kinds if key == kind or key.startswith(f"{kind}:")), key)


def fields_of(value: object, path: str) -> Mapping[str, list[object]]:
    """Every field of a document by its path, as the page writes it, with what it holds."""
    found: dict[str, list[object]] = {}
    known = rows_of("MongoDB")

    def walk(value: object, path: str) -> None:
        if path not in known and isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, f"{path}.{name}")
        elif path not in known and isinstance(value, list) and value:
            for inner in value:
                walk(inner, f"{path}[]")
        else:
            found.setdefault(path, []).append(value)

    walk(value, path)
    return found
