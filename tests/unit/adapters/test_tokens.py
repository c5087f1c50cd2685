"""Which tokens name a caller, and which nobody: those of reliability.md's catalogue and more."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from slotkeeper.adapters.oidc.documents import Documents, UntrustedDocument
from slotkeeper.adapters.oidc.keys import JwksKeys
from slotkeeper.adapters.oidc.provider import Provider as OidcProvider
from slotkeeper.adapters.tokens import LEEWAY_SECONDS, MAX_TOKEN_CHARS, TokenVerifier
from slotkeeper.domain.errors import Unauthenticated, Unavailable
from slotkeeper.domain.user import Caller, Role
from tests.support import identity_provider
from tests.support.identity_provider import (
    AUDIENCE,
    OURS,
    Claims,
    Jwk,
    ec_key,
    encoded,
    published,
    raw_token,
    rsa_key,
    signed,
)
from tests.support.identity_provider import (
    token as token_of,
)

ISSUER = "https://identity.example.org/pool"
RS256 = RSAAlgorithm(RSAAlgorithm.SHA256)
ES256 = ECAlgorithm(ECAlgorithm.SHA256)
PLACE = ISSUER + "/keys"


class Shelf(Documents):
    """Documents that need no fetching."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.fetches = 0

    def get(self, url: str) -> Mapping[str, Any]:
        assert url == PLACE
        self.fetches += 1
        try:
            found = json.loads(self.text)
        except ValueError as error:
            raise UntrustedDocument from error
        if not isinstance(found, dict):
            raise UntrustedDocument
        return found


class Provider:
    """An identity provider whose keys are at hand."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self.publish(*OURS)
        keys = JwksKeys(OidcProvider(ISSUER, PLACE, documents=self.shelf))
        self.verifier = TokenVerifier(keys, issuer=ISSUER, audience=AUDIENCE)

    def publish(self, *keys: Jwk) -> None:
        self.publish_text(json.dumps({"keys": keys}))

    def publish_text(self, text: str) -> None:
        self.shelf.text = text

    def accepts(self, token: str) -> Caller:
        return self.verifier.caller(f"Bearer {token}")


@pytest.fixture
def provider() -> Provider:
    return Provider()


def claims(**changes: Any) -> Claims:
    return identity_provider.claims(ISSUER, **changes)


def token(claimed: Claims | None = None, **how: Any) -> str:
    return token_of(claims() if claimed is None else claimed, **how)


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
        {"client_id": "other", "aud": AUDIENCE},
        {"client_id": AUDIENCE},
    ],
)
def test_audience_is_aud_or_where_there_is_none_the_client_id(
    provider: Provider, audience: Claims
) -> None:
    assert provider.accepts(token(claims(**audience))).user_id == "alice"


def test_clocks_may_differ_a_little(provider: Provider) -> None:
    now = int(time.time())
    claimed = claims(exp=now - LEEWAY_SECONDS // 2, nbf=now + LEEWAY_SECONDS // 2)

    assert provider.accepts(token(claimed)).user_id == "alice"


@pytest.mark.parametrize(
    ("claimed", "header"),
    [
        ({"token_use": "access", "client_id": None, "aud": AUDIENCE}, {}),
        ({"token_use": None}, {}),
        ({"token_use": None, "client_id": None, "aud": AUDIENCE}, {"typ": "at+jwt"}),
        ({"token_use": None, "client_id": None, "aud": AUDIENCE}, {"typ": "application/AT+JWT"}),
        ({"token_use": None, "client_id": None, "aud": AUDIENCE, "scope": "openid"}, {}),
        (
            {"token_use": None, "client_id": None, "aud": AUDIENCE, "scp": ["a"], "typ": "Bearer"},
            {},
        ),
    ],
)
def test_access_token_is_known_by_what_its_provider_says(
    provider: Provider, claimed: Claims, header: Mapping[str, Any]
) -> None:
    assert provider.accepts(token(claims(**claimed), **header)).user_id == "alice"


@pytest.mark.parametrize("subject", ["a" * 128, "auth0|5f7c", "a:b@c.example", "$alice", "{alice}"])
def test_subject_may_be_any_printable_ascii(provider: Provider, subject: str) -> None:
    assert provider.accepts(token(claims(sub=subject))).user_id == subject


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
        pytest.param({"exp": str(int(time.time()) + 3600)}, id="exp a number as text"),
        pytest.param({"exp": True}, id="exp a truth value"),
        pytest.param({"exp": [9_999_999_999]}, id="exp a list"),
        pytest.param({"exp": float("inf")}, id="exp infinite"),
        pytest.param({"exp": float("nan")}, id="exp not a number"),
        pytest.param({"exp": -1}, id="exp before all time"),
        pytest.param({"nbf": "0"}, id="nbf a number as text"),
        pytest.param({"nbf": True}, id="nbf a truth value"),
        pytest.param({"iat": "0"}, id="iat a number as text"),
        pytest.param({"iat": False}, id="iat a truth value"),
        pytest.param({"nbf": int(time.time()) + 24 * 3600}, id="not valid yet"),
        pytest.param({"iat": int(time.time()) + 24 * 3600}, id="issued in the future"),
        pytest.param({"iat": None}, id="no iat"),
        pytest.param({"sub": None}, id="no sub"),
        pytest.param({"sub": 5}, id="sub no string"),
        pytest.param({"sub": ["alice"]}, id="sub a list"),
        pytest.param({"sub": ""}, id="sub empty"),
        pytest.param({"sub": " "}, id="sub blank"),
        pytest.param({"sub": "alice\n"}, id="sub with a line end"),
        pytest.param({"sub": "al\x00ice"}, id="sub with a NUL"),
        pytest.param({"sub": "alicé"}, id="sub not ASCII"),
        pytest.param({"sub": "a" * 129}, id="sub too long"),
        pytest.param({"sub": {"$ne": ""}}, id="sub an operator"),
        pytest.param({"iss": None}, id="no issuer"),
        pytest.param({"iss": "https://identity.example.com/pool"}, id="other issuer"),
        pytest.param({"iss": ISSUER + "/"}, id="issuer with more"),
        pytest.param({"iss": ISSUER[:-1]}, id="issuer with less"),
        pytest.param({"iss": ISSUER.upper()}, id="issuer in capitals"),
        pytest.param({"client_id": "other"}, id="other client"),
        pytest.param({"client_id": AUDIENCE + "2"}, id="client with more"),
        pytest.param({"client_id": None}, id="no audience"),
        pytest.param({"aud": "other"}, id="other audience for our client"),
        pytest.param({"aud": []}, id="no audience in a list"),
        pytest.param({"aud": [[AUDIENCE]]}, id="audience in a list in a list"),
        pytest.param({"client_id": [AUDIENCE, {}], "aud": 5}, id="audience a number"),
        pytest.param({"client_id": None, "aud": "other"}, id="other audience"),
        pytest.param({"client_id": None, "aud": ["other"]}, id="other audiences"),
        pytest.param({"client_id": None, "aud": {AUDIENCE: 1}}, id="audience an object"),
        pytest.param({"token_use": "id"}, id="ID token"),
        pytest.param({"token_use": "refresh"}, id="refresh token"),
        pytest.param({"token_use": "Access"}, id="token_use in capitals"),
        pytest.param({"token_use": ["access"]}, id="token_use a list"),
        pytest.param({"token_use": None, "client_id": None, "aud": AUDIENCE}, id="plain ID token"),
        pytest.param({"aud": AUDIENCE, "nonce": "n-1"}, id="ID token by its nonce"),
        pytest.param({"aud": AUDIENCE, "at_hash": "x"}, id="ID token by its at_hash"),
        pytest.param({"aud": AUDIENCE, "c_hash": "x"}, id="ID token by its c_hash"),
        pytest.param({"typ": "ID"}, id="ID token by its typ"),
        pytest.param({"typ": "Refresh"}, id="refresh token by its typ"),
    ],
)
def test_token_with_a_wrong_claim_is_refused(provider: Provider, changes: Claims) -> None:
    with pytest.raises(Unauthenticated):
        provider.accepts(token(claims(**changes)))


@pytest.mark.parametrize(
    ("claim", "seconds"),
    [
        ("exp", -LEEWAY_SECONDS - 1),
        ("nbf", LEEWAY_SECONDS + 30),
        ("iat", LEEWAY_SECONDS + 30),
    ],
)
def test_clocks_may_not_differ_by_more(provider: Provider, claim: str, seconds: int) -> None:
    with pytest.raises(Unauthenticated):
        provider.accepts(token(claims(**{claim: int(time.time()) + seconds})))


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
    forged = f"{head}.{encoded(claims(sub='bob'))}.{signature}"

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


@pytest.mark.parametrize(
    "header",
    [
        *({"crit": crit, "b64": True} for crit in (["exp"], ["b64"], [], "x", None)),
        {"b64": True},
        {"jku": "https://evil.example.org/jwks"},
        {"jku": PLACE},
        {"jwk": OURS[0]},
        {"jwk": None},
        {"x5u": "https://evil.example.org/certificate"},
        {"x5c": ["MIIB"]},
        {"cty": "JWT"},
        {"enc": "A128GCM"},
        {"zip": "DEF"},
        *(
            {"typ": typ}
            for typ in ("id+jwt", "ID", "logout+jwt", "dpop+jwt", "JWE", "", 5, ["JWT"])
        ),
    ],
    ids=lambda header: str(header)[:48],  # a key is another one in each process
)
def test_validly_signed_token_with_a_header_that_is_not_ours_is_refused_unread(
    provider: Provider, header: Mapping[str, Any]
) -> None:
    whole = {"alg": "RS256", "typ": "JWT", "kid": "rsa-1", **header}

    with pytest.raises(Unauthenticated):
        provider.accepts(signed(whole, claims()))

    assert provider.shelf.fetches == 0


@pytest.mark.parametrize("name", ["x5t", "x5t#S256", "nonce", "ver"])
def test_header_that_changes_nothing_is_no_reason_to_refuse(provider: Provider, name: str) -> None:
    header: dict[str, Any] = {name: "x"}

    assert provider.accepts(token(**header)).user_id == "alice"


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
        pytest.param("Bearer a.b.c, Bearer d.e.f", id="two in one"),
        pytest.param("Bearer a.b.c=", id="padded"),
        pytest.param("Bearer a.b.c\n", id="line end"),
        pytest.param("Bearer ４.５.６", id="full width"),
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
    just_fits = token(claims(padding="x" * 5_000))
    assert len(just_fits) <= MAX_TOKEN_CHARS
    assert provider.accepts(just_fits).user_id == "alice"

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


def test_nothing_is_fetched_for_what_is_no_token(provider: Provider) -> None:
    for text in ("garbage", "a.b.c", raw_token({"alg": "none", "kid": "rsa-1"}, claims())):
        with pytest.raises(Unauthenticated):
            provider.accepts(text)

    assert provider.shelf.fetches == 0


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


def test_one_unreadable_key_does_not_take_the_others_away(provider: Provider) -> None:
    provider.publish(
        {"kid": "odd", "alg": "ES256", "use": "sig", "kty": "EC", "crv": "P-999", "x": "", "y": ""},
        published(rsa_key(), "rsa-1", "RS256"),
    )

    assert provider.accepts(token()).user_id == "alice"


@pytest.mark.parametrize("alg", ["RS256", None])
@pytest.mark.parametrize("more", [{}, {"use": None}, {"key_ops": ["verify"]}])
def test_key_may_leave_out_what_its_type_says_already(
    provider: Provider, alg: str | None, more: dict[str, Any]
) -> None:
    provider.publish(published(rsa_key(), "rsa-1", alg, **more))

    assert provider.accepts(token()).user_id == "alice"


def with_private_part() -> Jwk:
    private = rsa_key().private_numbers()
    d = encoded(private.d.to_bytes(256, "big"))
    return published(rsa_key(), "rsa-1", "RS256", d=d)


NOT_FOR_US: Mapping[str, Callable[[], Jwk]] = {
    "for encryption": lambda: published(rsa_key(), "rsa-1", "RS256", use="enc"),
    "for signing alone": lambda: published(rsa_key(), "rsa-1", "RS256", key_ops=["sign"]),
    "for nothing we know": lambda: published(rsa_key(), "rsa-1", "RS256", key_ops=5),
    "of another algorithm": lambda: published(rsa_key(), "rsa-1", "RS512"),
    "RSA that says ES256": lambda: published(rsa_key(), "rsa-1", "ES256"),
    "RSA that says HS256": lambda: published(rsa_key(), "rsa-1", "HS256"),
    "EC that says RS256": lambda: published(ec_key(), "rsa-1", "RS256"),
    "algorithm a list": lambda: {**OURS[0], "alg": ["RS256"]},
    "type a list": lambda: {**OURS[0], "kty": ["RSA"]},
    "a secret": lambda: {"kid": "rsa-1", "alg": "HS256", "kty": "oct", "k": "c2VjcmV0"},
    "a secret that says RS256": lambda: {"kid": "rsa-1", "alg": "RS256", "kty": "oct", "k": "c2Vj"},
    "of 1,024 bits": lambda: published(rsa_key("short", 1024), "rsa-1", "RS256"),
    "of 2,047 bits": lambda: published(rsa_key("short", 2047), "rsa-1", "RS256"),
    "with its private part": with_private_part,
    "without a name": lambda: published(rsa_key(), "", "RS256"),
    "with a number for a name": lambda: {**OURS[0], "kid": 1},
}


@pytest.mark.parametrize("entry", NOT_FOR_US.values(), ids=NOT_FOR_US.keys())
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside another"])
def test_key_that_is_not_for_our_tokens_is_not_used(
    provider: Provider, entry: Callable[[], Jwk], alone: bool
) -> None:
    provider.publish(entry(), *([] if alone else [OURS[1]]))
    signers = [
        ("RS256", RS256, rsa_key()),
        ("RS256", RS256, rsa_key("short", 1024)),
        ("RS256", RS256, rsa_key("short", 2047)),
        ("ES256", ES256, ec_key()),
    ]
    texts = [
        signed({"alg": alg, "kid": kid}, claims(), partial(sign.sign, key=key))
        for alg, sign, key in signers
        for kid in ("rsa-1", "")
    ]

    for text in texts:
        with pytest.raises((Unauthenticated, Unavailable)):
            provider.accepts(text)


def test_es256_is_for_the_curve_p_256_alone(provider: Provider) -> None:
    other = ec_key("other", ec.SECP384R1)
    provider.publish(published(other, "ec-1", "ES256"), OURS[0])

    with pytest.raises(Unauthenticated):
        provider.accepts(
            signed(
                {"alg": "ES256", "kid": "ec-1"},
                claims(),
                lambda text: ES256.sign(text, other),
            )
        )


def test_later_key_does_not_take_anothers_name(provider: Provider) -> None:
    theirs = rsa_key("theirs")
    provider.publish(*OURS, published(theirs, "rsa-1", "RS256"))

    assert provider.accepts(token()).user_id == "alice"
    with pytest.raises(Unauthenticated):
        provider.accepts(token(key=theirs))


@pytest.mark.parametrize(("issuer", "audience"), [("", AUDIENCE), (ISSUER, "")])
def test_nobody_is_let_in_where_it_is_not_said_whose_tokens_are_ours(
    provider: Provider, issuer: str, audience: str
) -> None:
    keys = provider.verifier._keys

    with pytest.raises(ValueError, match="whose tokens"):
        TokenVerifier(keys, issuer=issuer, audience=audience)


# --- negative control -----------------------------------------------------------------------------


def test_forged_tokens_would_be_let_in_if_signatures_were_not_checked(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = token(key=rsa_key("theirs"))
    with pytest.raises(Unauthenticated):
        provider.accepts(forged)

    def unchecked(text: str, *_: Any, **__: Any) -> Any:
        return decode(text, options={"verify_signature": False})

    decode = jwt.decode
    monkeypatch.setattr(jwt, "decode", unchecked)

    assert provider.accepts(forged).user_id == "alice"
