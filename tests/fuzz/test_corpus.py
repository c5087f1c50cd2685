"""The corpus against the real handlers: the contract's refusal, nothing told, nothing changed."""

from __future__ import annotations

import logging

import pytest

from slotkeeper.entrypoints.observability import logger
from tests.fuzz.campaign import given_of
from tests.fuzz.corpus import PLANTED, Case, corpus
from tests.fuzz.faults import INNARDS, faults_of
from tests.fuzz.ground import OTHERS, Ground
from tests.fuzz.requests import ROUTES
from tests.fuzz.wire import Answer


def wrong_with(case: Case, answer: Answer) -> list[str]:
    """What is not as the case has it."""
    found = faults_of(case.sent, answer, secrets=[PLANTED, *OTHERS.values()])
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
    before = ground.state()

    for case in cases:
        answer = ground.gateway(case.sent)
        found += [f"{case.row} {case.name}: {wrong}" for wrong in wrong_with(case, answer)]
        after = ground.state()
        if after != before:
            found.append(f"{case.row} {case.name}: something changed")
            before = after

    logged = capfd.readouterr()
    assert cases
    assert found == []
    assert PLANTED not in logged.out + logged.err
    assert "invocation.failed" not in logged.out
    assert not INNARDS.search(logged.err)
