"""The numbers of the booking rules; every one is a setting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingPolicy:
    hold: timedelta = timedelta(minutes=5)
    code_lifetime: timedelta = timedelta(minutes=5)
    resend_wait: timedelta = timedelta(seconds=30)
    max_tries: int = 5
    max_resends: int = 3
    max_calls: int = 50
    """Verify calls of one attempt after which Redis alone refuses. Many more than tries: calls with
    the right code, however many at once, are all answered; MongoDB counts the wrong ones."""
    max_live_holds: int = 3
    max_failures_per_user: int = 20
    failure_window: timedelta = timedelta(hours=1)

    @property
    def max_sends(self) -> int:
        """The first code and its resends."""
        return 1 + self.max_resends
