from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from slotkeeper.adapters.tokens import (
    KEYS_KEPT_SECONDS,
    LEEWAY_SECONDS,
    MIN_REFETCH_SECONDS,
    JwksKeys,
    TokenVerifier,
)
from slotkeeper.domain.errors import Unauthenticated, Unavailable
from slotkeeper.domain.user import Caller, Role

ISSUER = "https://identity.example.org/pool"
AUDIENCE = "slotkeeper-web"

Claims = dict[str, Any]  # Any: what a token claims
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str = "ours") -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def published(key: PrivateKey, kid: str, alg: str, **more: str) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        jwk = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    else:
        jwk = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    return {**jwk, "kid": kid, "alg": alg, "use": "sig", **more}


class CountingKeys(JwksKeys):
    """Counts what it fetches, and can be made older."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.fetches = 0

    def _fetch(self) -> None:
        self.fetches += 1
        super()._fetch()

    def grow_older(self, seconds: float) -> None:
        self._fetched_at -= seconds


class Provider:
    """An identity provider whose keys are a file."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "jwks.json"
        self.publish(
            published(rsa_key(), "rsa-1", "RS256"),
            published(ec_key(), "ec-1", "ES256"),
        )
        self.keys = CountingKeys(self._file.as_uri())
        self.verifier = TokenVerifier(self.keys, issuer=ISSUER, audience=AUDIENCE)

    def publish(self, *keys: dict[str, Any]) -> None:
        self.publish_text(json.dumps({"keys": keys}))

    def publish_text(self, text: str) -> None:
        self._file.write_text(text)

    def go_down(self) -> None:
        self._file.unlink()

    def accepts(self, token: str) -> Caller:
        return self.verifier.caller(f"Bearer {token}")


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    return Provider(tmp_path)


def claims(**changes: Any) -> Claims:
    """What an access token of ours claims; None takes a claim away."""
    now = int(time.time())
    given = {
        "iss": ISSUER,
        "sub": "alice",
        "client_id": AUDIENCE,
        "token_use": "access",
        "iat": now - 60,
        "exp": now + 3600,
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


def token(
    claimed: Claims | None = None,
    *,
    key: PrivateKey | None = None,
    alg: str = "RS256",
    kid: Any = "rsa-1",
    **header: Any,
) -> str:
    return jwt.encode(
        claims() if claimed is None else claimed,
        key or rsa_key(),
        algorithm=alg,
        headers={"kid": kid, **header},
    )


def raw_token(header: Any, claimed: Any, signature: bytes = b"") -> str:
    """A token as nobody's library would make it."""
    return ".".join(_encoded(part) for part in (header, claimed)) + "." + _base64(signature)


def signed(header: Any, claimed: Any, sign: Callable[[bytes], bytes]) -> str:
    head = ".".join(_encoded(part) for part in (header, claimed))
    return f"{head}.{_base64(sign(head.encode()))}"


def _encoded(part: Any) -> str:
    return _base64(json.dumps(part).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


# --- tokens that are accepted ---------------------------------------------------------------------


def test_rs256_token_tells_who_calls(provider: Provider) -> None:
    assert provider.accepts(token()) == Caller(user_id="alice", role=Role.PATIENT)


def test_es256_token_tells_who_calls(provider: Provider) -> None:
    caller = provider.accepts(token(key=ec_key(), alg="ES256", kid="ec-1"))

    assert caller.user_id == "alice"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_scheme_may_be_in_any_case(provider: Provider, scheme: str) -> None:
    assert provider.verifier.caller(f"{scheme} {token()}").user_id == "alice"


@pytest.mark.parametrize(
    "audience",
    [
        {"client_id": None, "aud": AUDIENCE},
        {"client_id": None, "aud": ["other", AUDIENCE]},
        {"client_id": AUDIENCE, "aud": "other"},
        {"token_use": None},
    ],
)
def test_audience_is_the_client_id_or_else_aud(provider: Provider, audience: Claims) -> None:
    assert provider.accepts(token(claims(**audience))).user_id == "alice"


def test_clocks_may_differ_a_little(provider: Provider) -> None:
    now = int(time.time())
    claimed = claims(exp=now - LEEWAY_SECONDS // 2, nbf=now + LEEWAY_SECONDS // 2)

    assert provider.accepts(token(claimed)).user_id == "alice"


@pytest.mark.parametrize(
    ("given", "role"),
    [
        ({}, Role.PATIENT),
        ({"cognito:groups": []}, Role.PATIENT),
        ({"cognito:groups": ["patient"]}, Role.PATIENT),
        ({"cognito:groups": ["staff"]}, Role.STAFF),
        ({"cognito:groups": ["admin"]}, Role.ADMIN),
        ({"cognito:groups": ["patient", "staff", "admin"]}, Role.ADMIN),
        ({"cognito:groups": ["Staff", "administrators"]}, Role.PATIENT),
        ({"cognito:groups": "admin"}, Role.PATIENT),
        ({"cognito:groups": {"admin": True}}, Role.PATIENT),
        ({"cognito:groups": [["admin"], {}, 5]}, Role.PATIENT),
        ({"role": "admin"}, Role.PATIENT),
        ({"roles": ["staff"]}, Role.STAFF),
        ({"roles": ["admin"], "cognito:groups": ["patient"]}, Role.PATIENT),
    ],
)
def test_role_is_the_strongest_of_the_groups(provider: Provider, given: Claims, role: Role) -> None:
    assert provider.accepts(token(claims(**given))).role is role


# --- tokens that are refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"exp": int(time.time()) - 3600}, id="expired"),
        pytest.param({"exp": "tomorrow"}, id="exp no number"),
        pytest.param({"exp": None}, id="no exp"),
        pytest.param({"nbf": int(time.time()) + 24 * 3600}, id="not valid yet"),
        pytest.param({"iat": int(time.time()) + 24 * 3600}, id="issued in the future"),
        pytest.param({"iat": None}, id="no iat"),
        pytest.param({"sub": None}, id="no sub"),
        pytest.param({"sub": 5}, id="sub no string"),
        pytest.param({"sub": ["alice"]}, id="sub a list"),
        pytest.param({"iss": None}, id="no issuer"),
        pytest.param({"iss": "https://identity.example.com/pool"}, id="other issuer"),
        pytest.param({"iss": ISSUER + "/"}, id="issuer with more"),
        pytest.param({"iss": ISSUER[:-1]}, id="issuer with less"),
        pytest.param({"iss": ISSUER.upper()}, id="issuer in capitals"),
        pytest.param({"client_id": "other"}, id="other client"),
        pytest.param({"client_id": AUDIENCE + "2"}, id="client with more"),
        pytest.param({"client_id": None}, id="no audience"),
        pytest.param({"client_id": None, "aud": "other"}, id="other audience"),
        pytest.param({"client_id": None, "aud": ["other"]}, id="other audiences"),
        pytest.param({"client_id": None, "aud": {AUDIENCE: 1}}, id="audience an object"),
        pytest.param({"token_use": "id"}, id="ID token"),
        pytest.param({"token_use": "refresh"}, id="refresh token"),
    ],
)
def test_token_with_a_wrong_claim_is_refused(provider: Provider, changes: Claims) -> None:
    with pytest.raises(Unauthenticated):
        provider.accepts(token(claims(**changes)))


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", "", None, 0, ["RS256"]])
@pytest.mark.parametrize("signature", [b"", b"signature"])
def test_token_without_a_signature_is_refused(
    provider: Provider, alg: Any, signature: bytes
) -> None:
    forged = raw_token({"alg": alg, "typ": "JWT", "kid": "rsa-1"}, claims(), signature)

    with pytest.raises(Unauthenticated):
        provider.accepts(forged)


@pytest.mark.parametrize("form", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_token_signed_with_the_public_key_as_a_secret_is_refused(
    provider: Provider, form: serialization.Encoding
) -> None:
    public = (
        rsa_key().public_key().public_bytes(form, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    forged = signed(
        {"alg": "HS256", "typ": "JWT", "kid": "rsa-1"},
        claims(),
        lambda text: hmac.digest(public, text, hashlib.sha256),
    )

    with pytest.raises(Unauthenticated):
        provider.accepts(forged)


def test_token_signed_with_another_key_is_refused(provider: Provider) -> None:
    with pytest.raises(Unauthenticated):
        provider.accepts(token(key=rsa_key("theirs")))


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256"])
def test_token_of_another_algorithm_is_refused(provider: Provider, alg: str) -> None:
    with pytest.raises(Unauthenticated):
        provider.accepts(token(alg=alg))


@pytest.mark.parametrize(
    "forged",
    [
        lambda: token(key=ec_key(), alg="ES256", kid="rsa-1"),
        lambda: token(kid="ec-1"),
    ],
    ids=["ES256 by the RSA key's name", "RS256 by the EC key's name"],
)
def test_token_of_one_keys_algorithm_by_anothers_name_is_refused(
    provider: Provider, forged: Callable[[], str]
) -> None:
    with pytest.raises(Unauthenticated):
        provider.accepts(forged())


def test_token_with_changed_claims_is_refused(provider: Provider) -> None:
    head, _, signature = token().split(".")
    forged = f"{head}.{_encoded(claims(sub='bob'))}.{signature}"

    with pytest.raises(Unauthenticated):
        provider.accepts(forged)


@pytest.mark.parametrize(
    "kid", ["unknown", "", "../../etc/passwd", "rsa-1\x00", "' OR 1=1", "RSA-1"]
)
def test_token_of_an_unknown_key_is_refused(provider: Provider, kid: str) -> None:
    with pytest.raises(Unauthenticated):
        provider.accepts(token(kid=kid))


@pytest.mark.parametrize("kid", [5, None, ["rsa-1"], {"$ne": ""}, True])
def test_key_id_that_is_no_string_is_refused(provider: Provider, kid: Any) -> None:
    forged = raw_token({"alg": "RS256", "typ": "JWT", "kid": kid}, claims(), b"signature")

    with pytest.raises(Unauthenticated):
        provider.accepts(forged)


def test_token_without_a_key_id_is_refused(provider: Provider) -> None:
    without = jwt.encode(claims(), rsa_key(), algorithm="RS256")

    with pytest.raises(Unauthenticated):
        provider.accepts(without)


@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], "x"])
def test_token_with_critical_extensions_is_refused(provider: Provider, crit: Any) -> None:
    with pytest.raises(Unauthenticated):
        provider.accepts(token(crit=crit, b64=True))


def test_key_that_a_token_brings_along_is_not_used(provider: Provider) -> None:
    theirs = rsa_key("theirs")
    brought = published(theirs, "rsa-1", "RS256")

    with pytest.raises(Unauthenticated):
        provider.accepts(token(key=theirs, jwk=brought, jku="https://evil.example.org/jwks"))


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("Bearer", id="no token"),
        pytest.param("Bearer ", id="empty token"),
        pytest.param("Bearer  ", id="blank token"),
        pytest.param("Bearer garbage", id="garbage"),
        pytest.param("Bearer ..", id="dots"),
        pytest.param("Bearer a.b.c", id="letters"),
        pytest.param("Bearer a.b", id="one dot"),
        pytest.param("Bearer abc", id="no dots"),
        pytest.param("Bearer a.b.c.d.e", id="encrypted"),
        pytest.param("Bearer é.é.é", id="not ASCII"),
        pytest.param("Bearer \ud800.b.c", id="lone surrogate"),
        pytest.param("Bearer " + "a" * 10_000, id="10 kB"),
        pytest.param("Basic YWxpY2U6c2VjcmV0", id="other scheme"),
        pytest.param("Bearer: a.b.c", id="colon"),
        pytest.param("Bearer\ta.b.c", id="tab"),
    ],
)
def test_what_is_no_bearer_token_is_refused(provider: Provider, authorization: str | None) -> None:
    with pytest.raises(Unauthenticated):
        provider.verifier.caller(authorization)


def test_token_without_its_scheme_is_refused(provider: Provider) -> None:
    with pytest.raises(Unauthenticated):
        provider.verifier.caller(token())


def test_valid_token_of_10_kb_is_refused(provider: Provider) -> None:
    with pytest.raises(Unauthenticated):
        provider.accepts(token(claims(padding="x" * 10_000)))


@pytest.mark.parametrize("parts", [1, 2])
def test_token_cut_off_at_a_dot_is_refused(provider: Provider, parts: int) -> None:
    with pytest.raises(Unauthenticated):
        provider.accepts(".".join(token().split(".")[:parts]))


@pytest.mark.parametrize("header", [[], "x", 5, None, {"kid": "rsa-1"}, {"alg": "RS256"}])
def test_token_with_a_strange_header_is_refused(provider: Provider, header: Any) -> None:
    with pytest.raises(Unauthenticated):
        provider.accepts(raw_token(header, claims(), b"signature"))


@pytest.mark.parametrize("claimed", [[], "x", 5, None, claims(iss=[ISSUER])])
def test_signed_token_of_strange_claims_is_refused(provider: Provider, claimed: Any) -> None:
    text = signed(
        {"alg": "RS256", "typ": "JWT", "kid": "rsa-1"},
        claimed,
        lambda head: RSAAlgorithm(RSAAlgorithm.SHA256).sign(head, rsa_key()),
    )

    with pytest.raises(Unauthenticated):
        provider.accepts(text)


def test_refusal_does_not_tell_what_was_wrong(provider: Provider) -> None:
    details = set()
    for claimed in (claims(exp=1), claims(iss="other"), claims(client_id="other")):
        with pytest.raises(Unauthenticated) as refused:
            provider.accepts(token(claimed))
        details.add(refused.value.detail)

    assert len(details) == 1


# --- the provider's keys --------------------------------------------------------------------------


def test_keys_are_fetched_once_for_many_tokens(provider: Provider) -> None:
    for _ in range(5):
        provider.accepts(token())

    assert provider.keys.fetches == 1


def test_nothing_is_fetched_for_what_is_no_token(provider: Provider) -> None:
    with pytest.raises(Unauthenticated):
        provider.accepts("garbage")

    assert provider.keys.fetches == 0


def test_unknown_keys_cause_one_fetch_at_most_in_half_a_minute(provider: Provider) -> None:
    for number in range(5):
        with pytest.raises(Unauthenticated):
            provider.accepts(token(kid=f"unknown-{number}"))

    assert provider.keys.fetches == 1


def test_unknown_key_is_looked_up_again_after_half_a_minute(provider: Provider) -> None:
    provider.accepts(token())
    provider.publish(published(rsa_key("new"), "rsa-2", "RS256"))
    provider.keys.grow_older(MIN_REFETCH_SECONDS + 1)

    caller = provider.accepts(token(key=rsa_key("new"), kid="rsa-2"))

    assert caller.user_id == "alice"
    assert provider.keys.fetches == 2


def test_withdrawn_key_stops_working_once_the_keys_are_old(provider: Provider) -> None:
    provider.accepts(token())
    provider.publish(published(ec_key(), "ec-1", "ES256"))
    provider.keys.grow_older(KEYS_KEPT_SECONDS + 1)

    with pytest.raises(Unauthenticated):
        provider.accepts(token())


def test_provider_down_from_the_start_is_unavailable(provider: Provider) -> None:
    provider.go_down()

    with pytest.raises(Unavailable):
        provider.accepts(token())


def test_provider_that_comes_back_serves_at_once(provider: Provider) -> None:
    provider.go_down()
    with pytest.raises(Unavailable):
        provider.accepts(token())
    provider.publish(published(rsa_key(), "rsa-1", "RS256"))

    assert provider.accepts(token()).user_id == "alice"


def test_known_keys_go_on_serving_while_the_provider_is_down(provider: Provider) -> None:
    provider.accepts(token())
    provider.go_down()
    provider.keys.grow_older(KEYS_KEPT_SECONDS + 1)

    assert provider.accepts(token()).user_id == "alice"


def test_provider_that_is_down_is_not_asked_for_every_token(provider: Provider) -> None:
    provider.accepts(token())
    provider.go_down()
    provider.keys.grow_older(KEYS_KEPT_SECONDS + 1)

    for _ in range(5):
        provider.accepts(token())

    assert provider.keys.fetches == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        "[]",
        "5",
        "null",
        "{}",
        '{"keys": 5}',
        '{"keys": [5]}',
        '{"keys": ["x"]}',
        '{"keys": [{"alg": "RS256"}]}',
        '{"keys": [{"alg": "RS256", "kid": "rsa-1", "kty": "RSA"}]}',
        '{"keys": [{"alg": "RS256", "kid": "rsa-1", "kty": "RSA", "n": "!", "e": "AQAB"}]}',
        '{"keys": [{"alg": ["RS256"], "kid": "rsa-1", "kty": "RSA"}]}',
        '{"keys": [{"alg": "RS256", "kid": ["rsa-1"], "kty": "oct", "k": "AAAA"}]}',
    ],
)
def test_answer_that_is_no_key_set_never_lets_anybody_in(provider: Provider, text: str) -> None:
    provider.publish_text(text)

    with pytest.raises((Unavailable, Unauthenticated)):
        provider.accepts(token())


@pytest.mark.parametrize("text", ["<html>", '{"keys": ["x"]}', "[]"])
def test_known_keys_go_on_serving_while_the_provider_answers_nonsense(
    provider: Provider, text: str
) -> None:
    provider.accepts(token())
    provider.publish_text(text)
    provider.keys.grow_older(KEYS_KEPT_SECONDS + 1)

    assert provider.accepts(token()).user_id == "alice"


def test_one_unreadable_key_does_not_take_the_others_away(provider: Provider) -> None:
    provider.publish(
        {"kid": "odd", "alg": "ES256", "use": "sig", "kty": "EC", "crv": "P-999", "x": "", "y": ""},
        published(rsa_key(), "rsa-1", "RS256"),
    )

    assert provider.accepts(token()).user_id == "alice"


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(
            lambda: published(rsa_key(), "rsa-1", "RS256", use="enc"), id="for encryption"
        ),
        pytest.param(lambda: published(rsa_key(), "rsa-1", "RS512"), id="of another algorithm"),
        pytest.param(
            lambda: {"kid": "rsa-1", "alg": "HS256", "kty": "oct", "k": "c2VjcmV0"}, id="a secret"
        ),
    ],
)
def test_key_that_is_not_for_our_tokens_is_not_used(
    provider: Provider, entry: Callable[[], dict[str, Any]]
) -> None:
    provider.publish(entry())

    with pytest.raises((Unauthenticated, Unavailable)):
        provider.accepts(token())
