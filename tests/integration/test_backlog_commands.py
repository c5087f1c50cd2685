"""`python -m ops outbox` and `drain`: what waits to be sent, and that it is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from slotkeeper.adapters.mongo.documents import OUTBOX
from tests.support.at_the_desk import Operator
from tests.support.house import House
from tests.support.servers import Stores

STACK = "slotkeeper-here"


@pytest.fixture
def operator(house: House, stores: Stores) -> Operator:
    return Operator.of(house, stores)


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, str]]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        sqs: Any = boto3.client("sqs")
        yield sqs, sqs.create_queue(QueueName=f"{STACK}-notifications")["QueueUrl"]


def aged(house: House, aggregate: str, seconds: int, count: int = 1, **changes: Any) -> None:
    at = datetime.now(UTC) - timedelta(seconds=seconds)
    house.database[OUTBOX].insert_many(
        [
            {"_id": f"{aggregate}-{n}", "aggregateId": aggregate, "unsent": True, "at": at}
            | {"v": 1, "leasedUntil": None}
            | changes
            for n in range(count)
        ]
    )


def test_an_empty_outbox_is_told_as_empty(operator: Operator) -> None:
    done = operator("outbox", "status")

    assert (done.code, done.out) == (0, "0 events wait\n")


def test_what_waits_is_told_by_age_and_by_whose_it_is(house: House, operator: Operator) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=50)
    aged(house, "bk_old", 400, count=2)
    aged(house, "bk_new", 5)
    aged(house, "bk_leased", 100, leasedUntil=soon)
    aged(house, "bk_was_leased", 90, leasedUntil=datetime.now(UTC) - timedelta(seconds=5))
    aged(house, "bk_later", 20, v=99)
    house.database[OUTBOX].insert_one({"_id": "x", "setAside": {"at": soon, "why": "type"}})
    house.database[OUTBOX].insert_one({"_id": "y", "sentAt": soon, "at": soon})

    done = operator("outbox", "--top", "3", "--json")

    assert done.code == 0
    [row] = done.rows
    assert (row["unsent"], row["leased"], row["ofALaterVersion"], row["setAside"]) == (6, 1, 1, 1)
    assert 400 <= row["oldestSeconds"] < 460
    assert [(one["id"], one["events"]) for one in row["aggregates"]] == [
        ("bk_old", 2),
        ("bk_leased", 1),
        ("bk_was_leased", 1),
    ]
    assert "set-aside list" in done.err


def test_it_is_read_by_the_index_of_what_is_unsent(house: House, operator: Operator) -> None:
    house.database[OUTBOX].drop_index("unsent")

    done = operator("outbox", "status")

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


def test_an_empty_house_is_drained_at_once(
    operator: Operator, queue: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.drain.EVERY", 0.01)

    done = operator("drain", "--stack-name", STACK, "--json")

    assert done.code == 0
    assert done.rows == [{"outbox": 0, "queued": 0, "sending": 0}]


def test_a_backlog_that_nobody_works_off_is_told_and_is_a_failure(
    house: House, operator: Operator, queue: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.drain.EVERY", 0.01)
    sqs, url = queue
    sqs.send_message(QueueUrl=url, MessageBody="a")
    house.book(house.slot(), house.patient())
    waiting = len(house.events(unsent=True))

    done = operator("drain", "--stack-name", STACK, "--seconds", "1", "--json")
    looked = operator("drain", "--stack-name", STACK, "--dry-run", "--json")

    assert done.code == looked.code == 1
    assert done.rows == looked.rows == [{"outbox": waiting, "queued": 1, "sending": 0}]
    assert "its schedule does" in done.err
    assert "its schedule" not in looked.err


def test_the_outbox_alone_is_drained_where_no_stack_is_named(
    house: House, operator: Operator
) -> None:
    house.book(house.slot(), house.patient())
    house.relay()
    aged(house, "bk_later", 20, v=99)  # for relays that know it

    done = operator("drain", "--dry-run")

    assert (done.code, done.out) == (0, "outbox 0; the queue is not looked at\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("drain", "--stack-name", "nobody's", "--dry-run"), "AWS refuses"),
        (("drain", "--seconds", "-1"), "--seconds is not less than 0"),
        (("outbox", "--top", "0"), "--top is at least 1"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    operator: Operator, queue: tuple[Any, str], words: tuple[str, ...], told: str
) -> None:
    done = operator(*words)

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert told in done.err
