"""The go-live checklist, looking at a deployed stack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.at_the_desk import Operator
from tests.support.deployed import NewPatient


@pytest.fixture
def told(stack: dict[str, Any], new_patient: NewPatient, tmp_path: Path) -> dict[str, Any]:
    """Each point, as a local system is told of it."""
    token = tmp_path / "token"
    token.write_text(new_patient().token)
    where = ("--stack", stack["stack_file"], "--token-file", str(token))

    done = Operator(where)("go-live", "--local", "--json")

    assert done.code in {0, 1}, done.err
    return {row["id"]: row for row in done.rows}


def test_what_the_deployed_stack_has_is_seen(told: dict[str, Any]) -> None:
    states = {id_: row["state"] for id_, row in told.items()}

    there = {"indexes", "idempotency", "otp-limits", "profile"}
    assert {id_ for id_ in there if states[id_] != "there"} == set(), json.dumps(told, indent=1)
    assert "RateLimitIp" in told["otp-limits"]["told"]
    # Other tests may have left some; counted they were.
    assert told["dead-letters"]["told"].endswith(("empty", "-dlq"))
    assert states["canary"] == states["web-acl"] == states["tls"] == "not here"
    assert states["rollback-drill"] == "missing"
