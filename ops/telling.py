"""How commands tell: answers to stdout, for people or as JSON; what is going on to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any


def answer(told: Mapping[str, Any], *, as_json: bool, line: str) -> None:
    """One answer: `told` as a JSON object on a line, or `line`. Any: JSON, and instants."""
    print(json.dumps(told, default=plain) if as_json else line, flush=True)


def say(text: str) -> None:
    """What somebody who waits wants to know; no part of the answer."""
    print(text, file=sys.stderr, flush=True)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines whose columns stand under each other; the last may be as long as it is."""
    if not rows:
        return []
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]) - 1)]
    return [
        "  ".join(
            [*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]]
        )
        for row in rows
    ]


def plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return str(value)
