"""Bearer tokens, checked against the identity provider's published keys.

Imported by the authorizer alone: PyJWT needs `cryptography`, which lives in the authorizer's own
layer because in the shared one it would slow every function's import of pymongo.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jwt

from slotkeeper.adapters.oidc.keys import ALGORITHMS, JwksKeys
from slotkeeper.domain.errors import Unauthenticated
from slotkeeper.domain.user import Caller, Role

LEEWAY_SECONDS = 30
MAX_TOKEN_CHARS = 8_192
_JWS = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
"""Three parts: an encrypted token has five."""
_SUBJECT = re.compile(r"[\x21-\x7e]{1,128}")
_REQUIRED = ["exp", "iat", "iss", "sub"]
_INSTANTS = ("exp", "nbf", "iat")
_FORBIDDEN = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "cty", "enc", "zip"})
"""Header parameters that would have us use the sender's key, or read the token another way."""
_ACCESS = frozenset({"at+jwt", "application/at+jwt"})
_TYPES = _ACCESS | {"jwt"}
_ONLY_IN_ID_TOKENS = frozenset({"nonce", "at_hash", "c_hash"})


class TokenVerifier:
    """Access tokens of one issuer for one client; algorithms and claims are fixed (RFC 8725)."""

    def __init__(self, keys: JwksKeys, *, issuer: str, audience: str):
        if not issuer or not audience:
            raise ValueError("an issuer and an audience are needed to tell whose tokens are ours")
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
        token = token.strip()
        if scheme.lower() != "bearer" or len(token) > MAX_TOKEN_CHARS or not _JWS.fullmatch(token):
            raise Unauthenticated
        try:
            claims = self._claims(token)
        except (jwt.PyJWTError, RecursionError) as error:
            raise Unauthenticated from error
        return Caller(user_id=claims["sub"], role=_role(claims))

    def _claims(self, token: str) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        # Before a key is looked for: what cannot be valid fetches nothing.
        if not _is_ours(header):
            raise Unauthenticated
        key = self._keys.key(header["kid"])
        if key is None:
            raise Unauthenticated
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            issuer=self._issuer,
            leeway=LEEWAY_SECONDS,
            options={
                "require": _REQUIRED,
                "verify_aud": False,
                "enforce_minimum_key_length": True,
            },
        )
        is_valid = (
            _SUBJECT.fullmatch(claims["sub"])
            and all(_is_instant(claims[name]) for name in _INSTANTS if name in claims)
            and self._is_for_us(claims)
            and _is_access_token(header, claims)
        )
        if not is_valid:
            raise Unauthenticated
        return claims

    def _is_for_us(self, claims: Mapping[str, Any]) -> bool:
        """Whether `aud` names us or, where there is none (Cognito), `client_id` does."""
        audience = claims.get("aud", claims.get("client_id"))
        return audience == self._audience or (
            isinstance(audience, list) and self._audience in audience
        )


def _is_ours(header: Mapping[str, Any]) -> bool:
    type_ = header.get("typ", "JWT")
    return (
        isinstance(header.get("kid"), str)
        and header.get("alg") in ALGORITHMS.values()
        and isinstance(type_, str)
        and type_.lower() in _TYPES
        and _FORBIDDEN.isdisjoint(header)
    )


def _is_instant(value: object) -> bool:
    """A NumericDate (RFC 7519): neither text nor a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_access_token(header: Mapping[str, Any], claims: Mapping[str, Any]) -> bool:
    """Whether something says that it is one, and nothing that it is an ID token.

    Providers say it each in their way; an ID token says none of it (OpenID Connect Core, 2).
    """
    if claims.get("token_use", "access") != "access" or claims.get("typ", "Bearer") != "Bearer":
        return False
    says_so = (
        "token_use" in claims
        or header.get("typ", "").lower() in _ACCESS
        or any(name in claims for name in ("client_id", "scope", "scp"))
    )
    return says_so and _ONLY_IN_ID_TOKENS.isdisjoint(claims)


def _role(claims: Mapping[str, Any]) -> Role:
    """The strongest role among the user's groups; a patient where there is none."""
    groups = claims.get("cognito:groups", claims.get("roles", []))
    for role in (Role.ADMIN, Role.STAFF):
        if isinstance(groups, list) and role in groups:
            return role
    return Role.PATIENT
