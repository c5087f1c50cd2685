"""`python -m ops go-live`: what is missing before patients may come, on real stores."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson.timestamp import Timestamp

from ops import drills
from ops.golive.points import POINTS
from tests.support.at_the_desk import Done, Operator
from tests.support.house import House
from tests.support.servers import Stores

pytestmark = [
    pytest.mark.one_server("what is told of one server is known"),
    pytest.mark.usefixtures("never_used"),
]
OF_THE_STACK = {"canary", "otp-limits", "idempotency", "alarms", "dashboard", "tls", "secrets"} | {
    *("web-acl", "dead-letters"),
}
DRILLS = {"rollback-drill", "redis-failover-drill", "restore-drill"}


@pytest.fixture
def operator(house: House, stores: Stores) -> Operator:
    return Operator.of(house, stores)


def states(done: Done) -> dict[str, str]:
    return {row["id"]: row["state"] for row in done.rows}


def missing(done: Done) -> set[str]:
    return {id_ for id_, state in states(done).items() if state == "missing"}


def test_what_is_missing_is_told_with_what_mends_it(house: House, operator: Operator) -> None:
    done = operator("go-live", "--json")

    assert done.code == 1
    assert list(states(done)) == [point.id for point in POINTS]
    assert missing(done) >= OF_THE_STACK | DRILLS
    assert not {"indexes", "audit-sealed", "profile", "invariants"} & missing(done)
    assert all(bool(row["mend"]) == (row["state"] == "missing") for row in done.rows)
    assert done.err.count(f" of {len(POINTS)}: ") == len(POINTS)


def test_on_one_machine_what_no_such_system_has_is_not_missed(
    house: House, operator: Operator
) -> None:
    done = operator("go-live", "--local", "--json")

    told = {row["id"]: row for row in done.rows}
    assert {"canary", "web-acl", "tls", "roles", "redis-replicas"} <= {
        id_ for id_, row in told.items() if row["state"] == "not here"
    }
    assert "CodeDeploy" in told["canary"]["told"]
    assert DRILLS | {"idempotency", "dead-letters", "otp-limits"} == missing(done)


def test_the_list_is_read_at_a_glance(operator: Operator) -> None:
    done = operator("go-live", "--local")

    assert "[ ]  rollback practised *" in done.out
    assert "-> docs/release.md, then python -m ops go-live --record rollback" in done.out
    assert "[x]  indexes created, validated with explain() *" in done.out
    assert "not here: the emulator has no CodeDeploy" in done.out


def test_drills_that_passed_lately_are_there_and_old_and_failed_ones_are_not(
    house: House, operator: Operator
) -> None:
    recorded = [
        operator("go-live", "--record", "rollback", "--dry-run"),
        operator("go-live", "--record", "redis-failover", "--json"),
    ]
    drills.record(house.database, "restore", "passed", {})
    first = operator("go-live", "--json")
    long_ago = datetime.now(UTC) - timedelta(days=91)
    house.database[drills.DRILLS].update_one({"kind": "restore"}, {"$set": {"at": long_ago}})
    operator("go-live", "--record", "redis-failover", "--outcome", "failed")
    then = operator("go-live", "--json")

    assert [one.code for one in recorded] == [0, 0]
    assert DRILLS & missing(first) == {"rollback-drill"}
    assert missing(then) >= DRILLS
    told = {row["id"]: row["told"] for row in then.rows}
    assert told["restore-drill"] == "the last one was 91 days ago, more than 90"
    assert "failed" in told["redis-failover-drill"]


def test_what_is_wrong_in_the_stores_is_found(house: House, operator: Operator) -> None:
    house.book(house.slot(), house.patient())
    house.database["audit_logs"].update_many({}, [{"$set": {"recordedAt": _stamp(20)}}])
    house.database["slots"].update_one({"status": "booked"}, {"$set": {"status": "active"}})
    house.database["slots"].drop_index("set_aside")
    house.database.command("profile", 1, slowms=10_000)

    done = operator("go-live", "--json")
    house.database.command("profile", 0, slowms=100)

    wrong = {"indexes", "audit-sealed", "profile", "invariants"}
    assert wrong <= missing(done)
    told = {row["id"]: row["told"] for row in done.rows}
    assert "missing: slots.set_aside" in told["indexes"]


def _stamp(minutes: int) -> Any:
    return Timestamp(datetime.now(UTC) - timedelta(minutes=minutes), 1)


def test_a_sealed_log_is_there(house: House, operator: Operator) -> None:
    house.book(house.slot(), house.patient())
    house.database["audit_logs"].update_many({}, [{"$set": {"recordedAt": _stamp(20)}}])
    house.seal()

    assert states(operator("go-live", "--json"))["audit-sealed"] == "there"


@pytest.mark.parametrize("text", ["", "two words", "umläut"])
def test_a_file_without_a_token_is_refused(operator: Operator, tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)

    done = [operator("go-live", "--token-file", str(one)) for one in (file, tmp_path / "none")]

    assert [(one.code, one.out, one.err.count("\n")) for one in done] == [(2, "", 1)] * 2


def test_a_stack_that_does_not_answer_is_missing_and_the_rest_is_looked_at(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "stack.json"
    nobody = {"aws_endpoint": "http://127.0.0.1:9", "region": "us-east-1", "stack_name": "s"}
    file.write_text(json.dumps({**nobody, "api_url": "http://127.0.0.1:9/x"}))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    token = tmp_path / "token"
    token.write_text("t1\n")

    done = operator("go-live", "--json", "--stack", str(file), "--token-file", str(token))

    assert done.code == 1
    told = {row["id"]: row["told"] for row in done.rows}
    assert told["dead-letters"].startswith("AWS does not answer")
    assert told["idempotency"].startswith("the API does not answer")
    assert states(done)["invariants"] == "there"
