"""What is told of a statement: enough to know it, and nothing that it asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId, Regex

from ops.queries.critical import critical
from ops.queries.shape import is_by_id, shape_of

SECRET = "+15550123"


@pytest.mark.parametrize(
    "statement",
    [
        {"find": "users", "filter": {"phone": SECRET}},
        {"find": "users", "filter": {"phone": {"$in": [SECRET, SECRET]}}},
        {"find": "users", "filter": {"$or": [{"phone": SECRET}, {"email": {"$ne": SECRET}}]}},
        {"find": "users", "filter": {"phone": Regex(SECRET[1:])}},
        {"find": "users", "filter": {SECRET: 1}},
        {"find": "users", "filter": {"a": {"deep": [{"er": {SECRET: SECRET}}]}}},
        {"find": "users", "filter": {"$expr": {"$eq": ["$phone", {"$literal": SECRET}]}}},
        {"find": "users", "filter": {}, "sort": {SECRET: 1}},
        {"find": "users", "filter": {}, "sort": SECRET, "hint": SECRET},
        {"aggregate": "users", "pipeline": [{"$match": {"phone": SECRET}}, {"$sort": {SECRET: 1}}]},
        {"aggregate": "users", "pipeline": [{"$set": {"x": SECRET}}]},
        {
            "update": "users",
            "updates": [{"q": {"phone": SECRET}, "u": {"$set": {"phone": SECRET}}}],
        },
        {"update": "users", "updates": [{"q": {"a": SECRET}, "u": {"$set": {SECRET: 1}}}]},
        {"update": "users", "updates": [{"q": {"a": SECRET}, "u": {"phone": SECRET}}]},
        {"delete": "users", "deletes": [{"q": {"phone": SECRET}, "limit": 1}]},
        {"findAndModify": "users", "query": {"phone": SECRET}, "update": [{"$set": {"a": SECRET}}]},
        {"distinct": "users", "key": SECRET, "query": {"phone": SECRET}},
        {"count": "users", "query": {"phone": SECRET}},
    ],
    ids=repr,
)
def test_no_value_is_told(statement: dict[str, Any]) -> None:
    told = shape_of(statement)

    assert "5550123" not in told
    assert "users" in told


def test_statements_that_differ_by_values_alone_are_of_one_shape() -> None:
    def asked(user: Any, when: Any, ids: list[str]) -> str:
        return shape_of(
            {
                "find": "bookings",
                "filter": {"userId": user, "startTime": {"$gt": when}, "_id": {"$in": ids}},
                "sort": {"startTime": 1, "_id": -1},
                "limit": len(ids),
            }
        )

    first = asked("alice", datetime.now(UTC), ["a"])

    assert first == asked(ObjectId(), None, ["b", "c", "d"])
    assert first == (
        'find bookings filter={"userId": "?", "startTime": {"$gt": "?"}, "_id": {"$in": "?"}}'
        ' sort={"startTime": 1, "_id": -1}'
    )


def test_statements_that_need_other_indexes_are_of_other_shapes() -> None:
    base = {"find": "slots", "filter": {"doctorId": "d"}}
    others: list[dict[str, Any]] = [
        {**base, "find": "bookings"},
        {**base, "filter": {"date": "d"}},
        {**base, "filter": {"doctorId": {"$gt": "d"}}},
        {**base, "sort": {"date": 1}},
        {**base, "sort": {"date": -1}},
        {**base, "hint": "listed_slots"},
        {"update": "slots", "updates": [{"q": base["filter"], "u": {"$set": {"a": 1}}}]},
    ]

    shapes = [shape_of(one) for one in (base, *others)]

    assert len(set(shapes)) == len(shapes)


def test_an_update_tells_which_fields_it_writes() -> None:
    by_pipeline = [{"$set": {"status": 1, "version": 2}}, {"$unset": "decided"}]

    told = shape_of({"findAndModify": "slots", "query": {"_id": 1}, "update": by_pipeline})

    assert told == 'findAndModify slots query={"_id": "?"} sets=status,version'


@pytest.mark.parametrize(
    ("statement", "by_id"),
    [
        ({"find": "a", "filter": {"_id": 1}}, True),
        ({"find": "a", "filter": {"b": 1}}, False),
        ({"find": "a"}, False),
        ({"aggregate": "a", "pipeline": [{"$match": {"_id": 1}}]}, True),
        ({"aggregate": "a", "pipeline": []}, False),
        ({"update": "a", "updates": [{"q": {"_id": 1}, "u": {}}]}, True),
        ({"findAndModify": "a", "query": {"_id": 1}}, True),
    ],
    ids=repr,
)
def test_a_statement_by_id_is_known(statement: dict[str, Any], by_id: bool) -> None:
    assert is_by_id(statement) is by_id


def test_what_is_critical_covers_what_books_lists_and_works_in_the_background() -> None:
    found = critical()

    assert {one.collection for one in found} == {
        *("slots", "bookings", "doctors", "outbox", "sagas", "audit_logs", "audit_seals"),
    }
    assert all(len(one.statement) >= 2 for one in found)
    assert len({shape_of(one.statement) for one in found}) > 80
