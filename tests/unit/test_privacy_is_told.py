"""What the code can store, send, log and count is told in docs/privacy.md, and nothing else is."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from local.config import ROOT
from ops.check import shapes
from ops.drills import DRILLS
from slotkeeper import tracing
from slotkeeper.adapters.mongo import documents
from slotkeeper.adapters.mongo.indexes import INDEXES
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.contracts.messages import CodeMessage, EventMessage
from slotkeeper.domain.timetable import Asked
from slotkeeper.domain.user import User
from slotkeeper.entrypoints.log_line import FIELDS
from slotkeeper.entrypoints.metrics import LABELS, METRICS
from tests.support.fakes import an_event
from tests.support.inventory import fields_of, redis_kind, rows_of

SHAPES = {
    "slots": [*shapes._SLOT, *(f"hold.{n}" for n in shapes._HOLD)]
    + [f"hold.otp.{n}" for n in shapes._OTP]
    + [f"pendingEvents[].{n}" for n in shapes._TOLD],
    "bookings": [*shapes._BOOKING, *(f"payment.{n}" for n in shapes._PRICE)],
    "audit_logs": list(shapes._FACT),
    "outbox": list(shapes._FACT),
    "sagas": list(shapes._SAGA),
    "deliveries": list(shapes._DELIVERY),
}
"""What the checker knows of documents."""
WORDS = {
    *("phone", "email", "name", "reason", "masked", "address"),
    *("subject", "id", "preferences", "employment", "use", "appointment", "–"),
}


@pytest.mark.parametrize("collection", SHAPES)
def test_every_field_that_the_checker_knows_has_a_row(collection: str) -> None:
    told = set(rows_of("MongoDB"))

    assert {f"{collection}.{name}" for name in SHAPES[collection]} <= told


def test_every_document_that_is_made_in_one_place_has_rows() -> None:
    event = an_event(1)
    asked = Asked(actor="alice", request_id="r", request_key="k")
    made = {
        "outbox": documents.outbox_document(event),
        "audit_logs": documents.audit_document(event)
        | documents.person_entry("user.erased", "alice", asked=asked, at=datetime.now(UTC)),
        "users": {"_id": "alice", **documents.user_document(User(id="alice", phone="+15550100"))},
    }
    made["audit_logs"].pop("details")  # what is in it is told field by field

    for collection, document in made.items():
        assert set(fields_of(document, collection)) <= set(rows_of("MongoDB"))


def test_every_collection_has_rows() -> None:
    told = {name.partition(".")[0] for name in rows_of("MongoDB")}
    assert told == {*INDEXES, "users", "controls", DRILLS}


def test_what_is_set_aside_is_told() -> None:
    told = rows_of("MongoDB")

    for mark in (shapes.SET_ASIDE, shapes.FACTS_SET_ASIDE):
        assert any(f".{mark}" in name for name in told)


def test_every_redis_key_has_a_row_and_every_row_a_key() -> None:
    keys = Keys("env")
    methods = [made for name, made in vars(Keys).items() if not name.startswith("_")]
    made = [one(keys, *["x"] * (one.__code__.co_argcount - 1)) for one in methods if callable(one)]

    assert {redis_kind(key.removeprefix("env:")) for key in made} == set(rows_of("Redis"))


def test_every_field_of_a_message_has_a_row() -> None:
    made = {
        f"{kind}.{field.alias or name}"
        for kind, model in (("otp.send", CodeMessage), ("event", EventMessage))
        for name, field in model.model_fields.items()
    }

    assert made | {tracing.TRACEPARENT} == set(rows_of("Messages"))


def test_everything_that_a_span_may_tell_has_a_row() -> None:
    assert set(rows_of("Traces")) == {*tracing.ATTRIBUTES, "name", "resource"}


def test_every_field_of_a_log_line_has_a_row() -> None:
    assert set(rows_of("Logs")) == FIELDS


def test_every_metric_has_a_row_and_labels_are_few() -> None:
    assert set(METRICS) == set(rows_of("Metrics"))
    assert sum(len(values) for values in LABELS.values()) < 40


def test_every_secret_has_a_row() -> None:
    text = (ROOT / "template.yaml").read_text()
    found = re.findall(r"^  (\w+):\n    Type: AWS::SecretsManager::Secret$", text, re.MULTILINE)

    assert set(found) == set(rows_of("Secrets"))


@pytest.mark.parametrize(
    "section", ["MongoDB", "Redis", "Messages", "Logs", "Metrics", "Traces", "Secrets"]
)
def test_rows_say_what_they_hold_in_the_pages_own_words(section: str) -> None:
    for name, holds in rows_of(section).items():
        assert holds <= WORDS, name
