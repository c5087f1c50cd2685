"""The corpus against the real handlers: the contract's refusal, nothing told, nothing changed."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from dataclasses import replace

import pytest

from slotkeeper.entrypoints.observability import logger
from tests.fuzz.campaign import given_of
from tests.fuzz.corpus import PLANTED, Case, corpus
from tests.fuzz.faults import INNARDS, faults_of
from tests.fuzz.ground import OTHERS, Ground
from tests.fuzz.requests import ROUTES
from tests.fuzz.scale import IS_LONG
from tests.fuzz.wire import Answer

SECRETS = [PLANTED, *OTHERS.values()]
AT_A_TIME = 1 if IS_LONG else 20
"""Cases after which everything must be as before: looking takes longer than asking."""


def wrong_with(case: Case, answer: Answer, *, secrets: Collection[str]) -> list[str]:
    """What is not as the case has it."""
    found = faults_of(case.sent, answer, secrets=secrets)
    if answer.status != case.status:
        found.append(f"status {answer.status}, not {case.status}: {answer.text[:300]}")
    elif case.code is not None and (answer.json or {}).get("code") != case.code:
        found.append(f"not {case.code}: {answer.text[:300]}")
    if case.status == 401 and answer.header("WWW-Authenticate") != "Bearer":
        found.append("no WWW-Authenticate")
    return found


@pytest.mark.parametrize("route", [*ROUTES, "nowhere"])
def test_bad_input_is_refused_as_the_contract_says_and_changes_nothing(
    route: str, ground: Ground, capfd: pytest.CaptureFixture[str]
) -> None:
    logger.setLevel(logging.INFO)
    cases = [case for case in corpus(given_of(ground)) if case.route == route]
    found = []
    noted = "audit_logs" if route == "GET /me/export" else ""  # also of what is answered well
    before = ground.state(but_for=noted)

    for first in range(0, len(cases), AT_A_TIME):
        some = cases[first : first + AT_A_TIME]
        for case in some:
            answer = ground.gateway(case.sent)
            wrongs = wrong_with(case, answer, secrets=SECRETS)
            found += [f"{case.row} {case.name}: {wrong}" for wrong in wrongs]
        after = ground.state(but_for=noted)
        if after != before:
            found.append(f"something changed by one of {[(c.row, c.name) for c in some]}")
            before = after

    logged = capfd.readouterr()
    assert cases
    assert not found, "\n".join(found)
    assert PLANTED not in logged.out + logged.err
    assert "invocation.failed" not in logged.out
    assert not INNARDS.search(logged.err)


def test_the_same_said_otherwise_is_the_same_request(ground: Ground) -> None:
    route = ROUTES["POST /doctors"]
    token, key = ground.people.tokens["staff"], "said-otherwise-0123"
    said = {"name": "Dr. Zo\u00eb", "specialty": "a", "timeZone": "UTC", "consultationFee": 1}
    other = {"consultationFee": 1, "timeZone": "UTC", "specialty": "a", "name": "Dr. Zoe\u0308"}

    first = ground.gateway(route.sent(token, key=key, body=said))
    again = route.sent(token, key=key, body=other)
    again = replace(again, body=json.dumps(other, indent=3).encode())
    second = ground.gateway(again)
    third = ground.gateway(route.sent(token, key=key, body={**said, "name": "Dr. Zoe"}))

    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body
    assert first.json["name"] == "Dr. Zo\u00eb"
    assert second.header("Idempotent-Replayed") == "true"
    assert third.json["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "=cmd|'/c calc'!A1",
        "+1-1@SUM(A1:A9)",
        "'; DROP TABLE slots; --",
        "{{7*7}} ${7*7} %s {0}",
        "$where",
        "../../etc/passwd",
        "\u05d3\u05f4\u05e8 \u05db\u05d4\u05df",
        "\U0001f9b7 Zahn\u00e4rztin",
        'a "quoted" \\ name',
    ],
    ids=ascii,
)
def test_what_is_dangerous_elsewhere_is_kept_and_told_as_it_is(text: str, ground: Ground) -> None:
    token = ground.people.tokens["staff"]
    body = {"name": text, "specialty": text, "timeZone": "UTC"}

    made = ground.gateway(ROUTES["POST /doctors"].sent(token, body=body))
    read = ground.gateway(ROUTES["GET /doctors/{id}"].sent(token, made.json["id"]))

    stored = ground.database["doctors"].find_one({"_id": made.json["id"]}) or {}
    assert made.status == 201
    assert (stored["name"], stored["specialty"]) == (text, text)
    assert (read.json["name"], read.json["specialty"]) == (text, text)
    # No browser takes it for anything but JSON.
    assert read.header("Content-Type") == "application/json"
    assert read.header("X-Content-Type-Options") == "nosniff"
