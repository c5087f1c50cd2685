from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from slotkeeper.domain.errors import RateLimited, Unauthenticated, Unavailable
from slotkeeper.domain.limits import RateLimit
from slotkeeper.domain.user import Caller, Role
from slotkeeper.entrypoints.auth import arrival_of, note_refusal, policy_for
from slotkeeper.entrypoints.metrics import metrics
from slotkeeper.ports.requests import Allowance
from slotkeeper.services.authorize import Arrival, Verdict
from tests.support.aws_events import METHOD_ARN, authorizer_event

ALICE = Caller(user_id="alice", role=Role.PATIENT)
WRITES = RateLimit(name="writes", requests=60)


STAGE = METHOD_ARN.removesuffix("/POST/bookings")


def resource_of(answer: Mapping[str, Any]) -> str:
    """What the one statement of the policy allows."""
    [statement] = answer["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    return str(statement["Resource"])


def allowance(*, is_allowed: bool = True, remaining: int = 59, reset: int = 1) -> Allowance:
    return Allowance(limit=WRITES, is_allowed=is_allowed, remaining=remaining, reset_seconds=reset)


TOO_MANY = Verdict(
    refusal=RateLimited(retry_after_seconds=3),
    allowance=allowance(is_allowed=False, remaining=0, reset=3),
)


# --- what it is asked -----------------------------------------------------------------------------


def test_request_is_told_by_method_route_address_and_token() -> None:
    assert arrival_of(authorizer_event("Bearer abc")) == Arrival(
        method="POST", route="/bookings", source_ip="203.0.113.7", authorization="Bearer abc"
    )


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "x-forwarded-for", "Forwarded", "X-Real-IP", "True-Client-IP"]
)
def test_no_header_chooses_the_address(name: str) -> None:
    event = authorizer_event(more_headers=[(name, "198.51.100.1")])

    assert arrival_of(event).source_ip == "203.0.113.7"


def test_gateway_that_tells_no_address_is_no_failure() -> None:
    event = authorizer_event()
    event["requestContext"] = {}
    del event["httpMethod"], event["resource"]

    assert arrival_of(event) == Arrival(method="", route="", source_ip="", authorization=None)


# --- what it answers ------------------------------------------------------------------------------


def test_what_is_left_is_told_in_the_drafts_syntax() -> None:
    context = policy_for(authorizer_event(), Verdict(caller=ALICE, allowance=allowance()))[
        "context"
    ]

    assert context == {
        "userId": "alice",
        "role": "patient",
        "rateLimit": '"writes";r=59;t=1',
        "rateLimitPolicy": '"writes";q=60;w=60',
    }


def test_refusal_for_the_rate_tells_when_to_come_back_and_nobody() -> None:
    answer = policy_for(authorizer_event(), TOO_MANY)

    assert answer["principalId"] == "anonymous"
    assert answer["context"] == {
        "refusal": "rate_limited",
        "retryAfter": "3",
        "rateLimit": '"writes";r=0;t=3',
        "rateLimitPolicy": '"writes";q=60;w=60',
    }


@pytest.mark.parametrize("refusal", [Unauthenticated(), Unavailable()])
def test_other_refusals_tell_what_is_left_to_the_address(
    refusal: Unauthenticated | Unavailable,
) -> None:
    verdict = Verdict(refusal=refusal, allowance=allowance())

    context = policy_for(authorizer_event(), verdict)["context"]

    assert context["refusal"] == refusal.code
    assert "rateLimit" in context
    assert "retryAfter" not in context


@pytest.mark.parametrize("verdict", [TOO_MANY, Verdict(caller=ALICE, allowance=allowance())])
def test_every_value_of_the_context_is_text_as_the_gateway_requires(verdict: Verdict) -> None:
    context = policy_for(authorizer_event(), verdict)["context"]

    assert all(isinstance(value, str) for value in context.values())


@pytest.mark.parametrize("verdict", [Verdict(caller=ALICE), TOO_MANY, Verdict()])
@pytest.mark.parametrize("method", ["POST/bookings", "GET/bookings/bk_1-A", "GET/", "PUT/me"])
def test_policy_is_for_the_one_method_that_was_asked_about(verdict: Verdict, method: str) -> None:
    event = {**authorizer_event(), "methodArn": f"{STAGE}/{method}"}

    assert resource_of(policy_for(event, verdict)) == f"{STAGE}/{method}"


@pytest.mark.parametrize(
    "path", ["*", "*/cancel", "?", "${aws:username}", "a%2Fb", "x y", "ümlaut", "a\nb", "@", "{id}"]
)
def test_policy_gives_no_meaning_to_what_a_client_writes_in_the_path(path: str) -> None:
    event = {**authorizer_event(), "methodArn": f"{STAGE}/PATCH/bookings/{path}"}

    resource = resource_of(policy_for(event, Verdict(caller=ALICE)))

    assert not set(resource) & set("*${}")
    assert len(resource) == len(event["methodArn"])
    assert resource.startswith(f"{STAGE}/PATCH/bookings/")


# --- what it notes --------------------------------------------------------------------------------


@pytest.fixture
def counted() -> Iterator[Mapping[str, object]]:
    """The metrics of one test."""
    metrics.clear_metrics()
    yield metrics.metric_set
    metrics.clear_metrics()


def test_refusal_for_the_rate_is_logged_by_its_route_without_address_or_token(
    caplog: pytest.LogCaptureFixture, counted: Mapping[str, object]
) -> None:
    note_refusal(arrival_of(authorizer_event("Bearer secret")), TOO_MANY)

    [record] = caplog.records
    told = str(vars(record))
    assert record.getMessage() == "request.rate_limited"
    assert "POST /bookings" in told
    assert "203.0.113.7" not in told
    assert "Bearer" not in told
    assert "rate_limited_total" in counted


def test_request_that_is_let_in_is_not_noted(
    caplog: pytest.LogCaptureFixture, counted: Mapping[str, object]
) -> None:
    note_refusal(arrival_of(authorizer_event("Bearer secret")), Verdict(caller=ALICE))

    assert caplog.records == []
    assert counted == {}
