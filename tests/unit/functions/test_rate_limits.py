"""What a function makes of the authorizer's word on limits."""

from __future__ import annotations

import json

import pytest

from functions.release_hold.app import lambda_handler as release_hold
from tests.support.aws_events import PATIENT, Context, Event, header_of, id_event

LIMITS = {"rateLimit": '"writes";r=0;t=7', "rateLimitPolicy": '"writes";q=60;w=60'}
REFUSED = {"refusal": "rate_limited", "retryAfter": "7", "principalId": "anonymous", **LIMITS}


def release(authorizer: dict[str, str], id_: str = "at_1") -> Event:
    event = id_event("DELETE", "/bookings/{id}/hold", id_, authorizer=authorizer)
    return dict(release_hold(event, Context()))


def test_refusal_is_a_problem_that_tells_when_to_come_back() -> None:
    answer = release(REFUSED)

    assert answer["statusCode"] == 429
    assert header_of(answer, "Content-Type") == "application/problem+json"
    assert header_of(answer, "Retry-After") == "7"
    assert json.loads(answer["body"])["code"] == "rate_limited"


def test_refused_answer_carries_the_limit() -> None:
    answer = release(REFUSED)

    assert header_of(answer, "RateLimit") == LIMITS["rateLimit"]
    assert header_of(answer, "RateLimit-Policy") == LIMITS["rateLimitPolicy"]


def test_refusal_comes_before_anything_is_read_of_the_request() -> None:
    assert release(REFUSED, "no id at all")["statusCode"] == 429


@pytest.mark.parametrize(
    "authorizer", [{**PATIENT, **LIMITS}, {"refusal": "unauthenticated", **LIMITS}]
)
def test_every_other_answer_carries_the_limit_too(authorizer: dict[str, str]) -> None:
    answer = release(authorizer, "no id at all")

    assert answer["statusCode"] in {400, 401}
    assert header_of(answer, "RateLimit") == LIMITS["rateLimit"]


def test_answer_tells_no_limit_where_none_is_known() -> None:
    answer = release(dict(PATIENT), "no id at all")

    assert header_of(answer, "RateLimit") is None
    assert header_of(answer, "RateLimit-Policy") is None
