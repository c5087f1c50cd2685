"""Where an issuer publishes its keys (OpenID Connect Discovery 1.0, section 4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slotkeeper.adapters.oidc.documents import Documents, UntrustedDocument

WELL_KNOWN = "/.well-known/openid-configuration"
PLACE_KEPT_SECONDS = 3_600
"""A provider that moves its keys is followed by then, or as soon as the old place fails."""


class Provider:
    """One issuer's key set: at `jwks_url` or, where that is empty, where the issuer says it is."""

    def __init__(
        self,
        issuer: str,
        jwks_url: str = "",
        *,
        documents: Documents,
        now: Callable[[], float] = time.monotonic,
    ):
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._documents = documents
        self._now = now
        self._discovered = ""
        self._discovered_at = float("-inf")

    def key_set(self) -> Sequence[Mapping[str, Any]]:  # Any: what the provider wrote
        """The entries of the key set as they are published now; none is an answer, too.

        Raises:
            OSError, UntrustedDocument: it cannot be had, or not be trusted.
        """
        url = self._jwks_url or self._place()
        try:
            keys = self._documents.get(url).get("keys")
        except (OSError, UntrustedDocument):
            self._discovered = ""
            raise
        if not isinstance(keys, list) or not all(isinstance(entry, dict) for entry in keys):
            raise UntrustedDocument("no key set")
        return keys

    def _place(self) -> str:
        if self._discovered and self._now() - self._discovered_at < PLACE_KEPT_SECONDS:
            return self._discovered
        found = self._documents.get(self._issuer.rstrip("/") + WELL_KNOWN)
        # Else whoever can serve a document anywhere below the issuer's host could speak for it.
        if found.get("issuer") != self._issuer:
            raise UntrustedDocument("another issuer's")
        url = found.get("jwks_uri")
        if not isinstance(url, str):
            raise UntrustedDocument("no jwks_uri")
        self._discovered, self._discovered_at = url, self._now()
        return url
