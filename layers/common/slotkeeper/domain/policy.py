"""The numbers of the booking rules; every one is a setting."""

from __future__ import annotations

from datetime import timedelta

from slotkeeper.value import Value


class BookingPolicy(Value, kw_only=True):
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
    max_failures_in_a_row: int = 100
    """Wrong codes of a user, with none right between them, after which only an operator helps."""
    max_codes_per_user: int = 30
    """Codes a user is sent in a day (UTC), whatever becomes of them."""
    max_codes_per_phone: int = 30
    """The same for a number, whosever it is: what a fraud of many accounts could cost."""
    reschedule_window: timedelta = timedelta(hours=24)
    """A booking is rescheduled more than this before it starts."""
    cancel_window: timedelta = timedelta(0)
    """Its patient cancels a booking more than this before it starts; staff whenever."""
    forbid_overlaps: bool = True
    """Whether a patient may not hold a slot at the time of another of theirs, held or booked."""

    def wait_after(self, sends: int) -> timedelta:
        """How long after so many codes the next may be asked for: each time twice as long."""
        return self.resend_wait * (1 << (sends - 1))

    @property
    def max_sends(self) -> int:
        """The first code and its resends."""
        return 1 + self.max_resends
