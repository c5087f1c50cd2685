"""When it is, and for how long what is under way is excused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

CLOCKS_DIFFER = timedelta(seconds=5)
"""Servers agree on the time so far, at least."""
SEAL_GRACE = timedelta(minutes=5)
"""Of several runs of the sealing one has worked by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The instant everything is judged by: the beginning of the check, which errs to leniency."""

    now: datetime
    grace: timedelta
    longest_hold: timedelta
    seal_grace: timedelta | None = SEAL_GRACE
    """How long an audit entry may be in no block of the chain; None: it is not asked."""

    def is_under_way(self, since: datetime) -> bool:
        """Whether what began then may be unfinished still."""
        return since > self.now - self.grace

    def may_be_unsealed(self, since: datetime) -> bool:
        """Whether what was recorded then may be in no block yet."""
        return self.seal_grace is not None and since > self.now - self.seal_grace
