"""One-time codes: HOTP (RFC 4226) over a random seed, under a key that Redis does not hold."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable

import pyotp

from slotkeeper.ports.codes import CodeRecord

DIGITS = 6


class HotpCodes:
    """`CodeMaker`: `key_of` gives the key of a key id (bytes)."""

    def __init__(self, key_of: Callable[[str], bytes]):
        self._key_of = key_of

    def code(self, record: CodeRecord) -> str:
        # Neither the seed (Redis) nor the key (Secrets Manager) alone makes a code.
        shared = hmac.digest(self._key_of(record.key_id), record.seed.encode(), hashlib.sha256)
        return pyotp.HOTP(base64.b32encode(shared).decode(), digits=DIGITS).at(record.send_number)
