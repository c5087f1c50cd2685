"""An identity provider's keys and the tokens it signs."""

from __future__ import annotations

import json
import time
from functools import cache
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://identity.example.org/pool"
AUDIENCE = "slotkeeper-web"


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def publish(folder: Path) -> str:
    """Where the public key can be read."""
    published = json.loads(RSAAlgorithm.to_jwk(_key().public_key()))
    file = folder / "jwks.json"
    file.write_text(json.dumps({"keys": [{**published, "kid": "rsa-1", "alg": "RS256"}]}))
    return file.as_uri()


def bearer(user_id: str, *groups: str, seconds: int = 600) -> str:
    """The `Authorization` header of a patient, or of somebody in these groups."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "client_id": AUDIENCE,
        "sub": user_id,
        "iat": now,
        "exp": now + seconds,
        "cognito:groups": list(groups),
    }
    return "Bearer " + jwt.encode(claims, _key(), algorithm="RS256", headers={"kid": "rsa-1"})
