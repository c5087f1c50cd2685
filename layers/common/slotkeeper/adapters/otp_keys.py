"""The ring of keys, as those who make codes ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slotkeeper.ports.codes import KeyGone

if TYPE_CHECKING:
    from slotkeeper.adapters.aws.secrets import KeptSecret
    from slotkeeper.domain.key_ring import KeyRing, OtpKey
    from slotkeeper.ports.common import Clock


class OtpKeys:
    """`Keys` in a secret; an id that is not known is looked up at once."""

    def __init__(self, secret: KeptSecret[KeyRing], clock: Clock):
        self._secret = secret
        self._clock = clock

    def in_use(self) -> OtpKey:
        return self._secret.value().current(self._clock.now())

    def recent(self) -> list[OtpKey]:
        """The key in use, and the one it took over from."""
        ring, now = self._secret.value(), self._clock.now()
        before = ring.previous(now)
        return [ring.current(now), *([before] if before else [])]

    def find(self, key_id: str) -> OtpKey:
        ring = self._secret.value(lambda ring: ring.find(key_id) is not None)
        found = ring.find(key_id)
        if found is None:
            raise KeyGone
        return found
