"""An OpenID provider on this machine: what it publishes, and the tokens it signs."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "slotkeeper-web"
DISCOVERY = "/pool/.well-known/openid-configuration"
JWKS = "/pool/keys"

Claims = dict[str, Any]  # Any: what a token claims
Jwk = dict[str, Any]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str = "ours", bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(name: str = "ours", curve: type[ec.EllipticCurve] = ec.SECP256R1) -> Any:
    return ec.generate_private_key(curve())


def published(key: PrivateKey, kid: str, alg: str | None, **more: Any) -> Jwk:
    """The key as it is published; None takes a member away."""
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    jwk = json.loads(algorithm.to_jwk(key.public_key()))  # type: ignore[arg-type]  # of its kind
    jwk = {**jwk, "kid": kid, "alg": alg, "use": "sig", **more}
    return {name: value for name, value in jwk.items() if value is not None}


OURS = (published(rsa_key(), "rsa-1", "RS256"), published(ec_key(), "ec-1", "ES256"))


def claims(issuer: str, **changes: Any) -> Claims:
    """What an access token of ours claims; None takes a claim away."""
    now = int(time.time())
    given = {
        "iss": issuer,
        "sub": "alice",
        "client_id": AUDIENCE,
        "token_use": "access",
        "iat": now - 60,
        "exp": now + 3600,
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


def token(
    claimed: Claims,
    *,
    key: PrivateKey | None = None,
    alg: str = "RS256",
    kid: Any = "rsa-1",
    **header: Any,
) -> str:
    return jwt.encode(claimed, key or rsa_key(), algorithm=alg, headers={"kid": kid, **header})


def raw_token(header: Any, claimed: Any, signature: bytes = b"") -> str:
    """A token as nobody's library would make it."""
    return ".".join(encoded(part) for part in (header, claimed)) + "." + base64url(signature)


def signed(header: Any, claimed: Any, sign: Callable[[bytes], bytes] | None = None) -> str:
    """Any header and claims, by our own key if nothing else is said."""
    head = ".".join(encoded(part) for part in (header, claimed))
    sign = sign or (lambda text: RSAAlgorithm(RSAAlgorithm.SHA256).sign(text, rsa_key()))
    return f"{head}.{base64url(sign(head.encode()))}"


def encoded(part: Any) -> str:
    return base64url(part if isinstance(part, bytes) else json.dumps(part).encode())


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass
class IdentityProvider:
    """What it serves can be changed at any moment; what it was asked is counted by path."""

    port: int = 0
    keys: list[Jwk] = field(default_factory=lambda: list(OURS))
    discovery: dict[str, Any] = field(default_factory=dict)
    """Changes of the discovery document."""
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    """By path, what is answered in place of the document."""
    is_down: bool = False
    asked: Counter[str] = field(default_factory=Counter)
    before_answer: Callable[[str], None] = lambda _: None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        return f"{self.origin}/pool"

    @property
    def jwks_url(self) -> str:
        return self.origin + JWKS

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if path in self.answers:
            return self.answers[path]
        documents = {
            DISCOVERY: {"issuer": self.issuer, "jwks_uri": self.jwks_url, **self.discovery},
            JWKS: {"keys": self.keys},
        }
        if path not in documents:
            return 404, {}, b""
        text = json.dumps(documents[path])
        return 200, {"Content-Type": "application/json"}, text.encode()

    def token(self, claimed: Claims | None = None, **how: Any) -> str:
        return token(claims(self.issuer) if claimed is None else claimed, **how)

    def bearer(self, **claimed: Any) -> str:
        """An `Authorization` header of ours."""
        return f"Bearer {token(claims(self.issuer, **claimed))}"


@contextmanager
def running() -> Iterator[IdentityProvider]:
    """A provider that really listens, while the block lasts."""
    provider = IdentityProvider()
    counting = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with counting:
                provider.asked[self.path] += 1
            provider.before_answer(self.path)
            if provider.is_down:
                self.close_connection = True
                return  # without a word
            status, headers, body = provider.answer(self.path)
            with suppress(ConnectionError):  # whoever asked has had enough
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: the test tells what went wrong."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield provider
        server.shutdown()
        thread.join()
