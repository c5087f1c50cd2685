"""The provider's keys by `kid`: rotated and revoked without a restart, never fetched in a flood."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from slotkeeper.domain.errors import Unavailable
from slotkeeper.readings import note

if TYPE_CHECKING:
    from slotkeeper.adapters.oidc.provider import Provider

ALGORITHMS: Mapping[str, str] = {"RSA": "RS256", "EC": "ES256"}
"""The one algorithm of a type of key."""
MIN_RSA_BITS = 2_048
KEPT_SECONDS = 240
"""Then keys are looked up again: a revoked one is gone within five minutes."""
REFETCH_SECONDS = 30
"""At least between two look-ups, whatever ids of keys are asked for."""
FIRST_RETRY_SECONDS = 1
"""While no keys are known at all, doubled by each failure up to `REFETCH_SECONDS`."""
TRUSTED_SECONDS = 3_600
"""How long known keys serve while the provider does not answer. Not for ever: whoever can keep us
from the provider would keep a revoked key alive."""


class JwksKeys:
    """The keys that tokens may be signed with. Safe to share between threads."""

    def __init__(self, provider: Provider, *, now: Callable[[], float] = time.monotonic):
        self._provider = provider
        self._now = now
        self._lock = Lock()
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._not_before = float("-inf")
        self._failures = 0

    def key(self, kid: str) -> jwt.PyJWK | None:
        """The key of that id, as published minutes ago at most; None if there is none.

        Raises:
            Unavailable: the provider does not tell, or has not for `TRUSTED_SECONDS`.
        """
        if self._is_due(kid):
            with self._lock:
                # Another thread may have looked while this one waited.
                if self._is_due(kid):
                    self._look_up()
        if self._age() > TRUSTED_SECONDS:
            raise Unavailable
        return self._keys.get(kid)

    def _is_due(self, kid: str) -> bool:
        is_wanting = kid not in self._keys or self._age() >= KEPT_SECONDS
        return is_wanting and self._now() >= self._not_before

    def _age(self) -> float:
        return self._now() - self._fetched_at

    def _look_up(self) -> None:
        began = self._now()
        try:
            keys = dict(_usable(self._provider.key_set()))
        except (OSError, ValueError) as error:
            self._failures += 1
            note("jwks_refresh_failed_total")
            self._not_before = self._now() + self._rest()
            if self._age() > TRUSTED_SECONDS:
                raise Unavailable from error
            return
        self._keys, self._fetched_at, self._failures = keys, began, 0
        self._not_before = began + REFETCH_SECONDS

    def _rest(self) -> float:
        if self._keys:
            return REFETCH_SECONDS
        return min(REFETCH_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(self._failures - 1, 10))


def _usable(entries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, jwt.PyJWK]]:
    """The entries we can check with; one that we cannot read is as if it were not there."""
    seen = set()
    for entry in entries:
        with suppress(jwt.PyJWTError, ValueError, TypeError, UnsupportedAlgorithm):
            kid = entry.get("kid")
            # The first of a name keeps it: no later entry takes another's place.
            if isinstance(kid, str) and kid and kid not in seen and _is_for_us(entry):
                key = jwt.PyJWK(dict(entry), algorithm=ALGORITHMS[entry["kty"]])
                if _is_strong(key.key):
                    seen.add(kid)
                    yield kid, key


def _is_for_us(entry: Mapping[str, Any]) -> bool:
    """Whether it is a public key for signatures of an algorithm of ours (RFC 7517, section 4)."""
    algorithm = ALGORITHMS.get(entry.get("kty", ""))
    return (
        algorithm is not None
        and entry.get("alg", algorithm) == algorithm
        and entry.get("use", "sig") == "sig"
        and "verify" in entry.get("key_ops", ["verify"])
        and "d" not in entry
    )


def _is_strong(key: object) -> bool:
    if isinstance(key, RSAPublicKey):
        return key.key_size >= MIN_RSA_BITS
    return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
