"""The seam of tracing: nothing where it is off, and what is a trace's context."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from local.config import ROOT
from slotkeeper import tracing
from slotkeeper.adapters.mongo.documents import event_of, outbox_document
from slotkeeper.contracts.messages import EventMessage
from tests.support.fakes import an_event

TRACE, SPAN = "4b" * 16, "0f" * 8
CONTEXT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture(autouse=True)
def off() -> Iterator[None]:
    yield
    tracing.provide(None)


@pytest.mark.parametrize("context", [CONTEXT, f"00-{TRACE}-{SPAN}-00"])
def test_a_context_as_w3c_writes_it_is_valid(context: str) -> None:
    assert tracing.valid(context) == context


def test_a_context_of_a_later_version_is_read_as_of_ours() -> None:
    assert tracing.valid(f"cc-{TRACE}-{SPAN}-01-what-the-future-knows") == CONTEXT


@pytest.mark.parametrize(
    "context",
    [
        *(None, 7, "", "x", CONTEXT + "\n", CONTEXT.upper(), f"{CONTEXT}-more"),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"cc-{TRACE}-{SPAN}-01more",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 300}",
    ],
)
def test_anything_else_is_none(context: object) -> None:
    assert tracing.valid(context) is None


def test_where_it_is_off_nothing_is_begun_carried_or_flushed() -> None:
    assert tracing.begin() is None

    with tracing.start("x", "client", {"db.system.name": "redis"}) as span:
        span.note({"db.system.name": "mongodb"})
        span.failed("x")
        tracing.identify({"attemptId": "at_1"})

        assert span.traceparent is None
        assert tracing.carried() == {}
        assert tracing.of_request("r") is None
    assert tracing.flush(1.0) is None
    assert not tracing.is_on()


def test_a_tracer_that_cannot_be_made_leaves_the_function_untraced_and_is_told_once() -> None:
    def missing() -> tracing.Tracer:
        raise ModuleNotFoundError("opentelemetry")

    tracing.provide(missing)

    assert tracing.begin() == "ModuleNotFoundError"
    assert tracing.begin() is None
    assert not tracing.is_on()


def test_an_event_is_stored_and_sent_as_ever_where_nothing_is_traced() -> None:
    row = outbox_document(an_event(1))

    assert tracing.TRACEPARENT not in row
    assert event_of(row).traceparent is None


@pytest.mark.parametrize("stored", [CONTEXT, "garbled", 7, None, {"a": 1}])
def test_an_event_is_read_whatever_its_trace_has_become(stored: object) -> None:
    event = event_of({**outbox_document(an_event(1)), tracing.TRACEPARENT: stored})

    assert event.traceparent == (CONTEXT if stored == CONTEXT else None)
    assert event == an_event(1)
    body = EventMessage.model_validate(event).model_dump_json(by_alias=True)
    assert TRACE not in body


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9"])
def test_opentelemetry_is_imported_where_it_is_on_and_nowhere_else(endpoint: str) -> None:
    program = (
        "import sys\n"
        "import functions.hold_slot.app\n"
        "print(sorted(n for n in sys.modules if n.partition('.')[0] == 'opentelemetry'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={
            "ENVIRONMENT": "local",
            "TRACING_ENDPOINT": endpoint,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'common'}",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.stdout.strip() == "[]") is (endpoint == "")
