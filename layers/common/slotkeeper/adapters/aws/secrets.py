"""What Secrets Manager keeps, kept here for a few minutes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from slotkeeper.adapters.aws.client import call
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.key_ring import GOES_ON, KEPT

if TYPE_CHECKING:
    from slotkeeper.ports.common import Clock

ASK_AGAIN = timedelta(seconds=10)
"""Between two reads that failed, or that were made for what the value lacked: nobody can have
Secrets Manager flooded."""

Value = TypeVar("Value")


class KeptSecret(Generic[Value]):
    """One secret's value, as `read` makes it of the secret's text (ValueError: it cannot be).

    It is read again after `KEPT`; where that fails, the value known goes on for `GOES_ON`.
    """

    def __init__(
        self,
        secrets: Any,  # `Signed`, or a client
        secret_id: str,
        read: Callable[[str], Value],
        clock: Clock,
    ):
        self._secrets = secrets
        self._secret_id = secret_id
        self._read = read
        self._clock = clock
        self._value: Value | None = None
        self._read_at: datetime | None = None
        self._failed_at: datetime | None = None
        self._sought_at: datetime | None = None

    def value(self, has: Callable[[Value], bool] = lambda _: True) -> Value:
        """The value; where it lacks what is wanted (`has`), as it is at this moment.

        Raises:
            Unavailable: Secrets Manager did not answer, or was asked a moment ago.
        """
        now = self._clock.now()
        known = self._value
        if known is not None and self._is_within(self._read_at, KEPT, now):
            if has(known):
                return known
            if self._is_within(self._sought_at, ASK_AGAIN, now):
                raise Unavailable
            self._sought_at = now
        try:
            return self._read_anew(now)
        except Unavailable:
            if known is not None and self._is_within(self._read_at, GOES_ON, now) and has(known):
                return known
            raise

    def _read_anew(self, now: datetime) -> Value:
        if self._is_within(self._failed_at, ASK_AGAIN, now):
            raise Unavailable
        self._failed_at = now
        with call():
            answer = self._secrets.get_secret_value(SecretId=self._secret_id)
        try:
            self._value = self._read(answer["SecretString"])
        except (KeyError, ValueError) as error:
            raise Unavailable("The secret is not what it should be.") from error
        self._read_at, self._failed_at = now, None
        return self._value

    @staticmethod
    def _is_within(since: datetime | None, length: timedelta, now: datetime) -> bool:
        # A clock that was set back makes nothing last longer.
        return since is not None and timedelta(0) <= now - since < length


def read_api_key(text: str) -> str:
    """The payment provider's key, of `{"apiKey": "..."}`. Raises ValueError."""
    found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("apiKey"), str):
        raise ValueError("no apiKey")
    return str(found["apiKey"])
