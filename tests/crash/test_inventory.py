"""Everything that any function stores has its row in docs/privacy.md: all scenarios are played."""

from __future__ import annotations

import io
import json
import logging
import re

import pytest

from slotkeeper.entrypoints.observability import logger
from tests.crash.scenarios import SCENARIOS
from tests.crash.stage import Stage
from tests.support.inventory import fields_of, redis_kind, rows_of

SEEN_ELSEWHERE = {
    # Set by people, by what could not be read, by a relay that died: other tests have them.
    "users.locale",
    *(f"slots.{name}" for name in ("setAside.at", "setAside.why")),
    *(f"slots.setAsideEvents[].{name}" for name in ("fact", "at", "why")),
    # An operator's: tests/integration/test_provider_commands.py, and the drills'.
    *(f"drills.{name}" for name in ("_id", "kind", "at", "outcome", "figures")),
    *(f"controls.{name}" for name in ("_id", "provider", "fallbackToEmail", "by", "at")),
    *(f"controls.changes[].{name}" for name in ("provider", "fallbackToEmail", "by", "at")),
    "controls.changes[].reason",
    *(f"audit_logs.details.{name}" for name in ("provider", "fallbackToEmail")),
    *(f"audit_logs.details.{name}" for name in ("slotId", "attemptId", "why")),
    *(f"outbox.{name}" for name in ("setAside.at", "setAside.why", "leaseId")),
    "outbox.traceparent",  # where requests are traced
}


def test_every_field_and_key_that_is_stored_has_a_row_and_every_row_is_of_one(
    stage: Stage,
) -> None:
    fields, keys = set[str](), set[str]()
    prefix = f"{stage.house.keys.environment}:"

    def look() -> None:
        for collection, documents in stage.look().items():
            for document in documents:
                fields.update(fields_of(document, collection))
        keys.update(redis_kind(key.removeprefix(prefix)) for key in stage.redis_keys())

    for scenario in SCENARIOS:
        stage.empty()
        stage.under(scenario.settings)
        event = scenario.prepare(stage)
        look()
        stage.invoke(scenario.function, event)
        look()
        stage.sweep()
        look()

    told = set(rows_of("MongoDB"))
    assert fields - told == set(), "no row in docs/privacy.md"
    assert told - fields - SEEN_ELSEWHERE == set(), "a row of nothing"
    assert not SEEN_ELSEWHERE & fields
    assert keys == set(rows_of("Redis"))


def test_no_line_queue_or_lasting_document_tells_a_number_an_address_or_a_code(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every scenario, providers and queues that are down among them."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logger.registered_formatter)
    monkeypatch.setattr(logger._logger, "handlers", [handler])
    level = logger.log_level
    logger.setLevel(logging.DEBUG)
    sent = 0
    try:
        for scenario in SCENARIOS:
            stage.empty()
            stage.under(scenario.settings)
            lines.truncate(lines.seek(0))
            stage.invoke(scenario.function, scenario.prepare(stage))
            stage.sweep()

            texts = [lines.getvalue(), *stage.cloud.queue]
            texts += [
                json.dumps({path: values}, default=str)
                for collection, documents in stage.look().items()
                if collection != "users"
                for document in documents
                for path, values in fields_of(document, collection).items()
            ]
            codes = {c for one in stage.cloud.sent for c in re.findall(r"\b\d{6}\b", one.text)}
            secret = {one.address for one in stage.cloud.sent} | codes
            secret |= {name for name, of in stage.names.items() if of.endswith("'s phone")}
            sent += len(stage.cloud.sent)
            for word in (*secret, "@example.com"):
                found = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
                assert not [text for text in texts if found.search(text)], scenario.name
    finally:
        logger.setLevel(level)
    assert sent > 20
    assert lines.getvalue()


def test_a_field_without_a_row_is_found(stage: Stage) -> None:
    """The control."""
    stage.empty()
    alice = stage.patient(maidenName="Liddell")

    [user] = stage.look()["users"]
    assert user["_id"] == alice
    assert set(fields_of(user, "users")) - set(rows_of("MongoDB")) == {"users.maidenName"}
