"""What the local system tells the person in front of it."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

_started = time.monotonic()


class LocalError(Exception):
    """Something the user can put right; the message says how."""


def say(what: str) -> None:
    """A line with the seconds since the start; nobody has to be listening."""
    with suppress(OSError):
        print(f"[{time.monotonic() - _started:6.1f}s] {what}", file=sys.stderr, flush=True)
