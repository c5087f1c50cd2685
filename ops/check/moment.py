"""When it is, and for how long what is under way is excused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

CLOCKS_DIFFER = timedelta(seconds=5)
"""Servers agree on the time so far, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The instant everything is judged by: the beginning of the check, which errs to leniency."""

    now: datetime
    grace: timedelta
    longest_hold: timedelta

    def is_under_way(self, since: datetime) -> bool:
        """Whether what began then may be unfinished still."""
        return since > self.now - self.grace
