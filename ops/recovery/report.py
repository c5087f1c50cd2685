"""What the commands tell: progress for who waits, one JSON object for a program."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

Figures = dict[str, Any]  # Any: numbers and texts
_EVERY_SECONDS = 2.0


def progress(what: str, expected: int | None = None) -> Callable[[str, int], None]:
    """Says every other second how many documents are done, and of how many."""
    done: Counter[str] = Counter()
    told_at = time.monotonic()

    def count(name: str, number: int) -> None:
        nonlocal told_at
        done[name] += number
        if time.monotonic() - told_at < _EVERY_SECONDS:
            return
        told_at = time.monotonic()
        of = f" of {expected:,}" if expected else ""
        print(f"{what}: {done.total():,}{of}, now {name}", file=sys.stderr, flush=True)

    return count


def tell(figures: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    print(json.dumps(figures, default=plain) if as_json else text, flush=True)


def plain(value: object) -> str:
    return instant(value) if isinstance(value, datetime) else str(value)


def instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
