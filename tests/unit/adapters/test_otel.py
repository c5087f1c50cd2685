"""Spans as a collector gets them: nothing that is not allowed, whoever puts it there."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from slotkeeper import tracing
from slotkeeper.adapters.otel.tracer import MOST_SPANS, over_http
from tests.support.collector import Collector, collecting
from tests.support.fakes import ATTEMPT

LONG = 60.0
WORDS = "+15550100 alice@example.com"


@pytest.fixture
def collector() -> Iterator[Collector]:
    """One that every span goes to."""
    with collecting() as made:
        tracer = over_http(made.endpoint, sample_rate=1, environment="test", trusts_callers=False)
        tracing.provide(lambda: tracer)
        assert tracing.begin() is None
        yield made
        tracing.provide(None)
        tracer.close()


def test_an_attribute_that_is_not_allowed_is_left_out(collector: Collector) -> None:
    with tracing.start("x", "client", {"user.phone": "1", "db.statement": "GET k"}) as span:
        span.note({"db.system.name": "redis", "enduser.id": "alice"})
    tracing.flush(LONG)

    assert collector.named("x").attributes == {"db.system.name": "redis"}


@pytest.mark.parametrize("text", [WORDS, "a\nb", "x" * 200, "é", ""])
def test_a_text_of_another_form_is_left_out(collector: Collector, text: str) -> None:
    with tracing.start("x", "client", {"http.route": text, "db.operation.batch.size": 2}):
        pass
    tracing.flush(LONG)

    assert collector.named("x").attributes == {"db.operation.batch.size": 2}


@pytest.mark.parametrize("id_", ["15550100", "at_alice", ATTEMPT.replace("at_", "bk_"), "at_" * 9])
def test_an_id_that_is_none_of_ours_is_left_out(collector: Collector, id_: str) -> None:
    with tracing.start("x", "server", {}):
        tracing.identify({"attemptId": ATTEMPT, "userId": "alice"})
    with tracing.start("y", "server", {}):
        tracing.identify({"attemptId": id_})
    tracing.flush(LONG)

    assert collector.named("x").attributes == {"slotkeeper.attempt_id": ATTEMPT}
    assert collector.named("y").attributes == {}


def test_an_error_is_told_by_its_kind_alone(collector: Collector) -> None:
    with pytest.raises(ValueError, match="alice"), tracing.start("x", "client", {}):
        raise ValueError(WORDS)
    tracing.flush(LONG)

    told = collector.named("x")
    assert (told.has_failed, told.attributes) == (True, {"error.type": "ValueError"})
    assert b"alice" not in b"".join(collector.raw)


def test_copies_of_one_process_do_not_make_the_same_traces(collector: Collector) -> None:
    """As restored from one snapshot, with the interpreter's randomness in the same state."""
    for _ in range(2):
        random.seed(4711)
        with tracing.start("x", "server", {}):
            pass
    tracing.flush(LONG)

    assert len({one.trace for one in collector.spans}) == 2
    assert len({one.id for one in collector.spans}) == 2


def test_a_collector_that_does_not_take_them_is_told_of_and_what_is_kept_is_bounded(
    collector: Collector,
) -> None:
    collector.status = 503
    for _ in range(MOST_SPANS + 10):
        with tracing.start("x", "server", {}):
            pass

    assert tracing.flush(0) is None  # no time left: they go with the next
    collector.status = 200
    assert tracing.flush(LONG) is None
    assert len(collector.spans) == MOST_SPANS

    collector.status = 503
    with tracing.start("x", "server", {}):
        pass
    assert tracing.flush(LONG) == "refused"
