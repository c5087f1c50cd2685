"""Keys from Secrets Manager, kept for a few minutes."""

from __future__ import annotations

import json
import time
from typing import Any

from slotkeeper.adapters.aws.client import call
from slotkeeper.domain.errors import Unavailable

KEPT_SECONDS = 300
"""How long a rotated-out secret may still be used."""


class KeyRing:
    """The keys of one secret, a JSON object from key id to key.

    An id that is not known is looked up at once: a new key works as soon as it is in the secret.
    """

    def __init__(self, secrets: Any, secret_id: str):  # Any: generated client type
        self._secrets = secrets
        self._secret_id = secret_id
        self._keys: dict[str, bytes] = {}
        self._read_at = float("-inf")

    def key(self, key_id: str) -> bytes:
        """The key of that id.

        Raises:
            Unavailable: there is none, or Secrets Manager did not answer.
        """
        is_stale = time.monotonic() - self._read_at > KEPT_SECONDS
        if is_stale or key_id not in self._keys:
            with call():
                answer = self._secrets.get_secret_value(SecretId=self._secret_id)
            try:
                keys = json.loads(answer["SecretString"])
                self._keys = {id_: key.encode() for id_, key in keys.items()}
            except (KeyError, ValueError, AttributeError) as error:
                raise Unavailable("The secret holds no keys.") from error
            self._read_at = time.monotonic()
        if key_id not in self._keys:
            raise Unavailable
        return self._keys[key_id]
