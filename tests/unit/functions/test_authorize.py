from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from functions.authorize.app import lambda_handler
from slotkeeper import bootstrap
from tests.support import identity_provider
from tests.support.aws_events import METHOD_ARN, Context, authorizer_event
from tests.support.identity_provider import IdentityProvider


@pytest.fixture(scope="module")
def listening() -> Iterator[IdentityProvider]:
    with identity_provider.running() as made:
        yield made


@pytest.fixture
def provider(
    environment: pytest.MonkeyPatch, listening: IdentityProvider
) -> Iterator[IdentityProvider]:
    """The provider that the settings name: its keys are found by its issuer."""
    environment.setenv("JWT_ISSUER", listening.issuer)
    environment.setenv("JWKS_URL", "")
    yield listening
    listening.is_down = False


def authorize(*authorizations: str, single_headers: bool = False) -> dict[str, Any]:
    event = authorizer_event(*authorizations, single_headers=single_headers)
    return dict(lambda_handler(event, Context()))


def test_valid_token_names_its_caller_and_lets_the_one_method_through(
    provider: IdentityProvider,
) -> None:
    answer = authorize(provider.bearer())

    assert answer == {
        "principalId": "alice",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": METHOD_ARN}
            ],
        },
        "context": {"userId": "alice", "role": "patient"},
    }


def test_role_is_told_from_the_tokens_groups(provider: IdentityProvider) -> None:
    answer = authorize(provider.bearer(**{"cognito:groups": ["staff"]}))

    assert answer["context"] == {"userId": "alice", "role": "staff"}


def test_token_is_found_where_there_are_only_single_headers(provider: IdentityProvider) -> None:
    answer = authorize(provider.bearer(), single_headers=True)

    assert answer["context"]["userId"] == "alice"


@pytest.mark.parametrize("authorization", ["", "Bearer garbage", "Basic YTpi"])
def test_bad_token_is_let_through_as_a_refusal_and_nobody(
    provider: IdentityProvider, authorization: str
) -> None:
    answer = authorize(authorization)

    assert answer["context"] == {"refusal": "unauthenticated"}
    assert answer["principalId"] == "anonymous"


def test_no_token_is_a_refusal(provider: IdentityProvider) -> None:
    assert authorize()["context"] == {"refusal": "unauthenticated"}


def test_two_authorization_headers_are_a_refusal_though_both_are_valid(
    provider: IdentityProvider,
) -> None:
    assert authorize(provider.bearer(), provider.bearer())["context"] == {
        "refusal": "unauthenticated"
    }


def test_two_authorization_headers_in_different_case_are_a_refusal(
    provider: IdentityProvider,
) -> None:
    event = authorizer_event(provider.bearer())
    event["multiValueHeaders"]["Authorization"] = [provider.bearer()]

    answer = lambda_handler(event, Context())

    assert answer["context"] == {"refusal": "unauthenticated"}


def test_expired_token_is_a_refusal(provider: IdentityProvider) -> None:
    answer = authorize(provider.bearer(exp=int(time.time()) - 600))

    assert answer["context"] == {"refusal": "unauthenticated"}


def test_provider_that_is_down_is_a_refusal_of_its_own(provider: IdentityProvider) -> None:
    provider.is_down = True

    answer = authorize(provider.bearer())

    assert answer["context"] == {"refusal": "unavailable"}
    assert answer["principalId"] == "anonymous"


def test_every_value_of_the_context_is_text_as_the_gateway_requires(
    provider: IdentityProvider,
) -> None:
    for authorization in (provider.bearer(), "Bearer garbage"):
        context = authorize(authorization)["context"]

        assert all(isinstance(value, str) for value in context.values())


def test_redis_that_is_down_keeps_nobody_out_and_nobody_waiting(provider: IdentityProvider) -> None:
    # Nothing listens where the settings say that Redis is.
    assert authorize(provider.bearer())["context"] == {"userId": "alice", "role": "patient"}

    assert bootstrap.breaker().is_open
