"""Bearer tokens, checked against the identity provider's published keys.

Imported by the authorizer alone: PyJWT needs `cryptography`, which lives in the authorizer's own
layer because in the shared one it would slow every function's import of pymongo.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import jwt

from slotkeeper.domain.errors import Unauthenticated, Unavailable
from slotkeeper.domain.user import Caller, Role

ALGORITHMS = ("RS256", "ES256")
LEEWAY_SECONDS = 30
KEYS_KEPT_SECONDS = 300
MIN_REFETCH_SECONDS = 30
FETCH_SECONDS = 2.0
MAX_JWKS_BYTES = 150_000
MAX_TOKEN_CHARS = 8_192
MAX_SUBJECT_CHARS = 128
_REQUIRED = ["exp", "iat", "iss", "sub"]


class JwksKeys:
    """The provider's keys by `kid`, kept for minutes; a new `kid` fetches at most twice a minute.

    Where the provider does not answer, the keys that are known go on serving.
    """

    def __init__(self, url: str):
        self._url = url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")

    def key(self, kid: str) -> jwt.PyJWK | None:
        age = time.monotonic() - self._fetched_at
        if age > KEYS_KEPT_SECONDS or (kid not in self._keys and age > MIN_REFETCH_SECONDS):
            self._fetch()
        return self._keys.get(kid)

    def _fetch(self) -> None:
        try:
            with urllib.request.urlopen(self._url, timeout=FETCH_SECONDS) as answer:  # noqa: S310  # the URL is a setting
                document = json.loads(answer.read(MAX_JWKS_BYTES))
            keys = dict(_usable(document["keys"]))
            if not keys:
                raise ValueError("no key we can check with")
            self._keys = keys
        except (OSError, ValueError, KeyError, TypeError) as error:
            if not self._keys:
                raise Unavailable from error
        self._fetched_at = time.monotonic()


def _usable(entries: Iterable[Any]) -> Iterator[tuple[str, jwt.PyJWK]]:
    """The entries we can check with; one that we cannot read is as if it were not there."""
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
            continue
        if entry.get("alg") in ALGORITHMS and entry.get("use", "sig") == "sig":
            with suppress(jwt.PyJWTError, ValueError, TypeError):
                yield entry["kid"], jwt.PyJWK(entry, algorithm=entry["alg"])


class TokenVerifier:
    """Access tokens of one issuer for one client; algorithms and claims are fixed (RFC 8725)."""

    def __init__(self, keys: JwksKeys, *, issuer: str, audience: str):
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    def caller(self, authorization: str | None) -> Caller:
        """Who sends the `Authorization` header.

        Raises:
            Unauthenticated: no bearer token, or not a valid one.
            Unavailable: the provider's keys cannot be had.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN_CHARS:
            raise Unauthenticated
        try:
            claims = self._claims(token.strip())
        except (jwt.PyJWTError, UnicodeError, RecursionError) as error:
            raise Unauthenticated from error
        return Caller(user_id=claims["sub"], role=_role(claims))

    def _claims(self, token: str) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        kid = header.get("kid")
        key = self._keys.key(kid) if isinstance(kid, str) else None
        if key is None or header.get("alg") not in ALGORITHMS or "crit" in header:
            raise Unauthenticated
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            issuer=self._issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": _REQUIRED, "verify_aud": False},
        )
        # Cognito names the audience of an access token `client_id`; others use `aud` (RFC 9068).
        audience = claims.get("client_id", claims.get("aud"))
        is_for_us = audience == self._audience or (
            isinstance(audience, list) and self._audience in audience
        )
        subject: str = claims["sub"]
        is_plain = subject.isascii() and subject.isprintable() and len(subject) <= MAX_SUBJECT_CHARS
        if not is_for_us or not is_plain or claims.get("token_use", "access") != "access":
            raise Unauthenticated
        return claims


def _role(claims: Mapping[str, Any]) -> Role:
    """The strongest role among the user's groups; a patient where there is none."""
    groups = claims.get("cognito:groups", claims.get("roles", []))
    for role in (Role.ADMIN, Role.STAFF):
        if isinstance(groups, list) and role in groups:
            return role
    return Role.PATIENT
