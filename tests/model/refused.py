"""A refusal as the model predicts it."""

from __future__ import annotations

import math
from datetime import timedelta

Said = tuple[str, int | None, int | None]
"""Code, seconds of Retry-After, tries that are left."""


class Refused(Exception):
    def __init__(self, code: str, *, retry_in: int | None = None, tries_left: int | None = None):
        super().__init__(code)
        self.said: Said = (code, retry_in, tries_left)


def seconds(wait: timedelta) -> int:
    """As Retry-After tells it: whole seconds, rounded up, at least one."""
    return max(1, math.ceil(wait.total_seconds()))
