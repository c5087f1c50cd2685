"""The keys that one-time codes are made with: which is in use when, and which are dead."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

from slotkeeper.value import Guarded, Value

KEPT = timedelta(minutes=5)
"""Functions read the ring again after this long at the latest, where they can."""
GOES_ON = timedelta(hours=1)
"""A ring that cannot be read again serves this long after it was read last."""
LEAD = 2 * KEPT
"""A new key is in the ring this long before codes are made with it, so that whoever checks one
knows its key, whenever they read the ring last."""
LONGEST_HOLD = timedelta(hours=1)
"""As long as a hold may be by the template: no code outlives its hold."""


class OtpKey(Guarded, kw_only=True):
    """A key; new codes are made with it from `since` until the next one's."""

    secret = frozenset({"key"})

    id: str
    key: str
    since: datetime


class KeyRing(Value):
    """Keys by the time they come into use; at least one."""

    keys: tuple[OtpKey, ...]

    def current(self, now: datetime) -> OtpKey:
        """The key that new codes are made with."""
        in_use = [key for key in self.keys if key.since <= now]
        return in_use[-1] if in_use else self.keys[0]

    def previous(self, now: datetime) -> OtpKey | None:
        """The key that the current one took over from, while it is in the ring."""
        place = self.keys.index(self.current(now))
        return self.keys[place - 1] if place else None

    def find(self, key_id: str) -> OtpKey | None:
        return next((key for key in self.keys if key.id == key_id), None)

    def rotated(self, *, key_id: str, key: str, now: datetime, hold: timedelta) -> KeyRing:
        """This ring with a new key, and without those whose codes are all dead."""
        new = OtpKey(id=key_id, key=key, since=now + LEAD)
        return KeyRing((*self.live(now, hold), new))

    def live(self, now: datetime, hold: timedelta) -> tuple[OtpKey, ...]:
        """The keys that a code may still have been made with.

        A key that was taken over from is used on by functions that cannot read the ring
        (`GOES_ON`), and its last code lives as long as a hold.
        """
        dead_after = GOES_ON + max(hold, LONGEST_HOLD) + KEPT
        ends = [after.since + dead_after for after in self.keys[1:]]
        earlier = zip(self.keys[:-1], ends, strict=True)
        return (*(key for key, ends_at in earlier if ends_at > now), self.keys[-1])

    def follows(self, earlier: KeyRing, now: datetime, hold: timedelta) -> bool:
        """Whether no live code of the earlier ring is lost, and there is a new key."""
        known = {key.id for key in earlier.keys}
        return self.keys[-1].id not in known and all(
            self._has(key) for key in earlier.live(now, hold)
        )

    def _has(self, key: OtpKey) -> bool:
        own = self.find(key.id)
        return own is not None and hmac.compare_digest(own.key.encode(), key.key.encode())
