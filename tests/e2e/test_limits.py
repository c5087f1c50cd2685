"""Rate limits through the deployed stack: what a client sees of them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.api import Answer, Patient, call
from tests.support.deployed import NewPatient
from tests.support.servers import RULES

WRITES = int(RULES["RateLimitWrites"])
AT_ONCE = 16


def release(patient: Patient, **headers: str) -> Answer:
    """A write that costs next to nothing: nobody holds this."""
    url = f"{patient.api_url}/bookings/at_x/hold"
    return call("DELETE", url, token=patient.token, headers=headers)


def hammer(patient: Patient, times: int, **headers: str) -> list[Answer]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda _: release(patient, **headers), range(times)))


def parsed(header: str) -> tuple[str, dict[str, int]]:
    """A policy's name and its parameters (RFC 9651: a string with integer parameters)."""
    found = re.fullmatch(r'"([a-z]+)"((?:;[a-z]+=[0-9]+)+)', header)
    assert found, header
    pairs = (part.split("=") for part in found[2].strip(";").split(";"))
    return found[1], {name: int(value) for name, value in pairs}


@pytest.fixture(scope="module")
def worn_out(new_patient: NewPatient) -> tuple[Patient, list[Answer]]:
    """A patient who asked until told to stop, and the refusals they got."""
    patient = new_patient()
    for _ in range(20):
        refused = [a for a in hammer(patient, WRITES // 2) if a.status == 429]
        if refused:
            return patient, refused
    raise AssertionError("never refused")


def test_an_answer_tells_the_limit_and_what_is_left_of_it(alice: Patient) -> None:
    first, second = release(alice), release(alice)

    assert parsed(first.headers["RateLimit-Policy"]) == ("writes", {"q": WRITES, "w": 60})
    name, left = parsed(first.headers["RateLimit"])
    assert (name, left["r"]) == ("writes", WRITES - 1)
    assert left["t"] >= 1
    assert parsed(second.headers["RateLimit"])[1]["r"] <= WRITES - 1


def test_reading_has_a_limit_of_its_own(alice: Patient) -> None:
    answer = alice.booking("bk_x")

    name, policy = parsed(answer.headers["RateLimit-Policy"])
    assert (name, policy["q"]) == ("reads", int(RULES["RateLimitReads"]))


def test_an_answer_without_a_token_tells_the_addresss_limit(stack: dict[str, Any]) -> None:
    answer = call("GET", f"{stack['api_url']}/bookings/bk_x")

    assert answer.status == 401
    assert parsed(answer.headers["RateLimit-Policy"])[0] == "ip"


def test_health_has_no_limit(stack: dict[str, Any]) -> None:
    answer = call("GET", f"{stack['api_url']}/health")

    assert "RateLimit" not in answer.headers


def test_who_asks_too_often_is_told_when_to_come_back(
    worn_out: tuple[Patient, list[Answer]],
) -> None:
    _, refused = worn_out

    for answer in refused:
        problem = answer.json
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert (problem["status"], problem["code"]) == (429, "rate_limited")
        _, left = parsed(answer.headers["RateLimit"])
        assert left["r"] == 0
        assert 1 <= int(answer.headers["Retry-After"]) == left["t"] <= 60
        assert answer.headers["X-Request-Id"]


def test_a_forged_address_gives_the_user_no_new_bucket(
    worn_out: tuple[Patient, list[Answer]],
) -> None:
    patient, _ = worn_out

    for number in range(20):
        # Were each address a bucket of its own, none would ever be refused.
        forged = {"X-Forwarded-For": f"198.51.100.{number}", "X-Real-IP": f"203.0.113.{number}"}
        if 429 in {answer.status for answer in hammer(patient, WRITES // 2, **forged)}:
            return
    raise AssertionError("never refused")


def test_another_user_is_not_affected(worn_out: tuple[Patient, list[Answer]], bob: Patient) -> None:
    answer = release(bob)

    assert answer.status == 404
    assert parsed(answer.headers["RateLimit"])[1]["r"] == WRITES - 1


def test_another_route_of_the_user_is_not_affected(
    worn_out: tuple[Patient, list[Answer]],
) -> None:
    patient, _ = worn_out

    answer = patient.resend("at_x")

    assert answer.status == 404
