"""One-time codes: HOTP (RFC 4226) over a random seed, under a key that Redis does not hold."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import pyotp

from slotkeeper.ports.codes import CodeRecord, KeyGone

if TYPE_CHECKING:
    from slotkeeper.domain.key_ring import OtpKey

DIGITS = 6
_GUESS_HEX = 24


class Keys(Protocol):
    def in_use(self) -> OtpKey:
        """The key for new codes. Raises Unavailable."""
        ...

    def recent(self) -> Sequence[OtpKey]:
        """The key for new codes, then the one before it if there is one. Raises Unavailable."""
        ...

    def find(self, key_id: str) -> OtpKey:
        """The key of that id. Raises KeyGone, Unavailable."""
        ...


class HotpCodes:
    """`CodeMaker` with those keys."""

    def __init__(self, keys: Keys):
        self._keys = keys

    def key_in_use(self) -> str:
        return self._keys.in_use().id

    def code(self, record: CodeRecord) -> str:
        if record.key_id is None:
            raise KeyGone
        # Neither the seed (Redis) nor the key (Secrets Manager) alone makes a code.
        key = self._keys.find(record.key_id).key.encode()
        shared = hmac.digest(key, record.seed.encode(), hashlib.sha256)
        return pyotp.HOTP(base64.b32encode(shared).decode(), digits=DIGITS).at(record.send_number)

    def marks(self, attempt_id: str, guess: str) -> Sequence[str]:
        # Six digits are found from any digest that needs no key; and a guess may be the code.
        told = f"guess\0{attempt_id}\0{guess}".encode()
        return [
            hmac.digest(key.key.encode(), told, hashlib.sha256).hex()[:_GUESS_HEX]
            for key in self._keys.recent()
        ]
