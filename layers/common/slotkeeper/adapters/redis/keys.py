"""Every Redis key, what it holds and how long it lives. Nothing else in Redis is ours.

No script or transaction touches two keys, so none can span two hash slots of a Cluster.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

LOCK_CLAIM = timedelta(seconds=20)
"""A lock lives this long until MongoDB has decided, and as long as the hold from then on.

A function that dies in between keeps the slot from nobody for longer. More than a request takes.
"""
REQUEST_LEASE = LOCK_CLAIM
"""A request under way keeps its idempotency key this long; a crashed one frees it by then."""
ANSWER_KEPT = timedelta(hours=24)
PAGES_KEPT = timedelta(seconds=60)
"""The longest that pages of one generation live; each says itself until when it is true."""
PAGE_CLAIM = timedelta(seconds=2)
"""A reader that makes a page keeps others waiting no longer, if it dies."""


_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")


def ms(duration: timedelta) -> int:
    """A lifetime in whole milliseconds, as Redis takes it."""
    return round(duration.total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of one environment; environments may share a server."""

    environment: str

    def lock(self, slot_id: str) -> str:
        """attemptId; for `LOCK_CLAIM`, then for the hold."""
        return f"{self.environment}:lock:slot:{slot_id}"

    def code(self, user_id: str, attempt_id: str) -> str:
        """hash slotId, seed, keyId, sendNumber, attempts, issuedAt; for the code's lifetime."""
        return f"{self.environment}:otp:user:{user_id}:{attempt_id}"

    def failures(self, user_id: str) -> str:
        """wrong codes of the user, across attempts; for `BookingPolicy.failure_window`."""
        return f"{self.environment}:otp:attempts:{user_id}"

    def request(self, request_id: str) -> str:
        """hash fingerprint, owner, answer; `REQUEST_LEASE` under way, `ANSWER_KEPT` answered."""
        return f"{self.environment}:booking:attempt:{request_id}"

    def places(self, user_id: str) -> str:
        """sorted set of `slotId:attemptId` of live attempts by end (ms); for the longest."""
        return f"{self.environment}:holds:user:{user_id}"

    def bucket(self, route: str, who: str) -> str:
        """instant at which it is full again (microseconds); until then.

        The route without its braces: they would put all buckets of a route on one node.
        """
        return f"{self.environment}:rl:{_NOT_PLAIN.sub('-', route).strip('-')}:{who}"

    def slot_pages(self, doctor_id: str) -> str:
        """hash of pages of the doctor's free slots, and their generation; for `PAGES_KEPT`."""
        return f"{self.environment}:cache:slots:{doctor_id}"

    def doctor_pages(self) -> str:
        """hash of pages of the catalogue, and their generation; for `PAGES_KEPT`."""
        return f"{self.environment}:cache:doctors"

    def viewed(self, user_id: str) -> str:
        """hash doctorId and filters, as the user last saw them; for a setting."""
        return f"{self.environment}:cache:viewed:{user_id}"
