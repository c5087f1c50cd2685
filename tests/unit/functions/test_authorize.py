from __future__ import annotations

import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from functions.authorize.app import lambda_handler
from slotkeeper import bootstrap
from tests.support.aws_events import Context, authorizer_event

WHOLE_STAGE = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/prod/*"


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def provider(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file that an identity provider publishes its keys in."""
    published = json.loads(RSAAlgorithm.to_jwk(key().public_key()))
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [{**published, "kid": "rsa-1", "alg": "RS256"}]}))
    environment.setenv("JWKS_URL", file.as_uri())
    return file


def bearer(**claims: Any) -> str:
    now = int(time.time())
    given = {
        "iss": "https://identity.example.org/pool",
        "client_id": "slotkeeper-web",
        "sub": "alice",
        "iat": now,
        "exp": now + 600,
        **claims,
    }
    return "Bearer " + jwt.encode(given, key(), algorithm="RS256", headers={"kid": "rsa-1"})


def authorize(*authorizations: str, single_headers: bool = False) -> dict[str, Any]:
    event = authorizer_event(*authorizations, single_headers=single_headers)
    return dict(lambda_handler(event, Context()))


def test_valid_token_names_its_caller_and_lets_the_whole_stage_through(provider: Path) -> None:
    answer = authorize(bearer())

    assert answer == {
        "principalId": "alice",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": WHOLE_STAGE}
            ],
        },
        "context": {"userId": "alice", "role": "patient"},
    }


def test_role_is_told_from_the_tokens_groups(provider: Path) -> None:
    answer = authorize(bearer(**{"cognito:groups": ["staff"]}))

    assert answer["context"] == {"userId": "alice", "role": "staff"}


def test_token_is_found_where_there_are_only_single_headers(provider: Path) -> None:
    answer = authorize(bearer(), single_headers=True)

    assert answer["context"]["userId"] == "alice"


@pytest.mark.parametrize("authorization", ["", "Bearer garbage", "Basic YTpi"])
def test_bad_token_is_let_through_as_a_refusal_and_nobody(
    provider: Path, authorization: str
) -> None:
    answer = authorize(authorization)

    assert answer["context"] == {"refusal": "unauthenticated"}
    assert answer["principalId"] == "anonymous"


def test_no_token_is_a_refusal(provider: Path) -> None:
    assert authorize()["context"] == {"refusal": "unauthenticated"}


def test_two_authorization_headers_are_a_refusal_though_both_are_valid(provider: Path) -> None:
    assert authorize(bearer(), bearer())["context"] == {"refusal": "unauthenticated"}


def test_two_authorization_headers_in_different_case_are_a_refusal(provider: Path) -> None:
    event = authorizer_event(bearer())
    event["multiValueHeaders"]["Authorization"] = [bearer()]

    answer = lambda_handler(event, Context())

    assert answer["context"] == {"refusal": "unauthenticated"}


def test_expired_token_is_a_refusal(provider: Path) -> None:
    answer = authorize(bearer(exp=int(time.time()) - 600))

    assert answer["context"] == {"refusal": "unauthenticated"}


def test_provider_that_is_down_is_a_refusal_of_its_own(provider: Path) -> None:
    provider.unlink()

    answer = authorize(bearer())

    assert answer["context"] == {"refusal": "unavailable"}
    assert answer["principalId"] == "anonymous"


def test_every_value_of_the_context_is_text_as_the_gateway_requires(provider: Path) -> None:
    for authorization in (bearer(), "Bearer garbage"):
        context = authorize(authorization)["context"]

        assert all(isinstance(value, str) for value in context.values())


def test_redis_that_is_down_keeps_nobody_out_and_nobody_waiting(provider: Path) -> None:
    # Nothing listens where the settings say that Redis is.
    assert authorize(bearer())["context"] == {"userId": "alice", "role": "patient"}

    assert bootstrap.breaker().is_open
