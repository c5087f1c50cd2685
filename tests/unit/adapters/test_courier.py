from __future__ import annotations

from collections.abc import Sequence
from threading import Event

from slotkeeper.adapters.otel.courier import (
    FIRST_REST_SECONDS,
    LONGEST_REST_SECONDS,
    Courier,
)

SPANS = ["a span"]
SOON = 0.01
LONG = 60.0


class Collector:
    """Takes spans, refuses them, or hangs until it is let go."""

    def __init__(self) -> None:
        self.takes = True
        self.lets_go = Event()
        self.lets_go.set()
        self.asked = 0
        self.done = Event()

    def export(self, spans: Sequence[object]) -> bool:
        self.asked += 1
        self.lets_go.wait()
        self.done.set()
        return self.takes


class Watch:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now(self) -> float:
        return self.seconds


def test_spans_are_handed_over_each_time() -> None:
    collector = Collector()
    courier = Courier(collector.export)

    assert [courier.deliver(SPANS, LONG) for _ in range(3)] == [None, None, None]
    assert collector.asked == 3


def test_a_collector_that_refuses_is_left_alone_for_longer_each_time() -> None:
    collector, watch = Collector(), Watch()
    collector.takes = False
    courier = Courier(collector.export, watch.now)

    rests = []
    for _ in range(6):
        assert courier.deliver(SPANS, LONG) == "refused"
        began = watch.seconds
        while courier.is_resting:
            assert courier.deliver(SPANS, LONG) is None
            watch.seconds += 1
        rests.append(watch.seconds - began)

    assert rests == [FIRST_REST_SECONDS, 10, 20, 40, LONGEST_REST_SECONDS, LONGEST_REST_SECONDS]
    assert collector.asked == 6


def test_after_a_delivery_a_failure_is_the_first_again() -> None:
    collector, watch = Collector(), Watch()
    courier = Courier(collector.export, watch.now)
    for takes in (False, False, True, False):
        collector.takes = takes
        courier.deliver(SPANS, LONG)
        last, watch.seconds = watch.seconds, watch.seconds + LONGEST_REST_SECONDS

    watch.seconds = last + FIRST_REST_SECONDS
    assert not courier.is_resting


def test_a_collector_that_hangs_is_not_waited_for_nor_asked_again_while_it_does() -> None:
    collector, watch = Collector(), Watch()
    collector.lets_go.clear()
    courier = Courier(collector.export, watch.now)

    assert courier.deliver(SPANS, SOON) == "late"
    watch.seconds += LONGEST_REST_SECONDS
    assert courier.is_resting
    assert courier.deliver(SPANS, SOON) is None
    assert collector.asked == 1

    collector.lets_go.set()
    assert collector.done.wait(LONG)
    courier.join(LONG)
    assert courier.deliver(SPANS, LONG) is None
    assert collector.asked == 2


def test_an_export_that_breaks_is_a_refusal() -> None:
    def breaks(spans: Sequence[object]) -> bool:
        raise ZeroDivisionError

    assert Courier(breaks).deliver(SPANS, LONG) == "refused"
