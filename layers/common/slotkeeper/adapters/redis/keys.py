"""Every Redis key, what it holds and how long it lives. Nothing else in Redis is ours.

No script or transaction touches two keys, so none can span two hash slots of a Cluster.
"""

from __future__ import annotations

import re
from datetime import timedelta

from slotkeeper.value import Value

LOCK_CLAIM = timedelta(seconds=20)
"""A lock lives this long until MongoDB has decided, and as long as the hold from then on.

A function that dies in between keeps the slot from nobody for longer. More than a request takes.
"""
REQUEST_LEASE = LOCK_CLAIM
"""A request under way keeps its idempotency key this long; a crashed one frees it by then."""
ANSWER_KEPT = timedelta(hours=24)
MOST_REQUESTS = 1_000
"""Of a user's requests so many are known to be theirs: the newest."""
ANSWER_KEPT_BRIEFLY = timedelta(minutes=5)
"""One that is very long, or one of very many of a user in `ANSWER_KEPT`: until its client, if the
first answer was lost, has asked again. What honours a key finds its effect without it, too."""
PAGES_KEPT = timedelta(seconds=60)
"""The longest that pages of one generation live; each says itself until when it is true."""
PAGE_CLAIM = timedelta(seconds=2)
"""A reader that makes a page keeps others waiting no longer, if it dies."""
PROVIDER_KEPT = timedelta(hours=1)
"""What is known of a provider that nobody has asked for so long is of no use any more."""


_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")
_WITHOUT_BRACES = str.maketrans({"%": "%25", "{": "%7B", "}": "%7D"})
"""What stands in braces in a key alone decides which node of a Cluster it is on; a user's id comes
from the identity provider and may have them."""


def ms(duration: timedelta) -> int:
    """A lifetime in whole milliseconds, as Redis takes it."""
    return round(duration.total_seconds() * 1000)


class Keys(Value):
    """Keys of one environment; environments may share a server."""

    environment: str

    def lock(self, slot_id: str) -> str:
        """attemptId; for `LOCK_CLAIM`, then for the hold."""
        return self._key("lock:slot", slot_id)

    def code(self, user_id: str, attempt_id: str) -> str:
        """hash slotId, seed, keyId (from the first send on), sendNumber, attempts, issuedAt,
        guesses, guessed (their marks); for the code's lifetime."""
        return self._key("otp:user", user_id, attempt_id)

    def failures(self, user_id: str) -> str:
        """wrong codes of the user, across attempts; for `BookingPolicy.failure_window`."""
        return self._key("otp:attempts", user_id)

    def request(self, request_id: str) -> str:
        """hash fingerprint, owner, answer; `REQUEST_LEASE` under way, `ANSWER_KEPT` answered
        (`ANSWER_KEPT_BRIEFLY` where there are too many)."""
        return self._key("booking:attempt", request_id)

    def requests_of(self, owner: str) -> str:
        """sorted set of a user's request ids by when they were begun (ms); for `ANSWER_KEPT`.

        So that all that is remembered of somebody can be forgotten.
        """
        return self._key("booking:attempts", owner)

    def places(self, user_id: str) -> str:
        """sorted set of `slotId:attemptId` of live attempts by end (ms); for the longest."""
        return self._key("holds:user", user_id)

    def bucket(self, route: str, who: str) -> str:
        """instant at which it is full again (microseconds); until then."""
        return self._key("rl", _NOT_PLAIN.sub("-", route).strip("-"), who)

    def slot_pages(self, doctor_id: str) -> str:
        """hash of pages of the doctor's free slots, and their generation; for `PAGES_KEPT`."""
        return self._key("cache:slots", doctor_id)

    def doctor_pages(self) -> str:
        """hash of pages of the catalogue, and their generation; for `PAGES_KEPT`."""
        return self._key("cache:doctors")

    def viewed(self, user_id: str) -> str:
        """hash doctorId and filters, as the user last saw them; for a setting."""
        return self._key("cache:viewed", user_id)

    def provider(self, name: str) -> str:
        """hash outcomes (the last ones, each with its instant), openedAt, restsUntil, triedBy,
        triedUntil of a provider of messages; for `PROVIDER_KEPT`."""
        return self._key("provider", name)

    def _key(self, kind: str, *ids: str) -> str:
        parts = [one.translate(_WITHOUT_BRACES) for one in ids]
        return ":".join([self.environment, kind, *parts])
