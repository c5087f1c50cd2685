from __future__ import annotations

import io
import json

import pytest

from slotkeeper import readings
from slotkeeper.domain.provider import State
from slotkeeper.entrypoints.deliveries import CountedDeliveries
from slotkeeper.entrypoints.log_line import FIELDS
from slotkeeper.ports.notifications import Outcome
from tests.unit.entrypoints.test_log_line import lines as lines  # noqa: PLC0414  # a fixture


@pytest.mark.parametrize(
    ("outcome", "state", "counted"),
    [
        (Outcome.TAKEN, State.CLOSED, {"deliveries_total": 1, "provider_open": 0}),
        (
            Outcome.FAILED,
            State.CLOSED,
            {"deliveries_total": 1, "deliveries_failed_total": 1, "provider_open": 0},
        ),
        (
            Outcome.FAILED,
            State.OPEN,
            {"deliveries_total": 1, "deliveries_failed_total": 1, "provider_open": 1},
        ),
        (
            Outcome.REFUSED,
            State.CLOSED,
            {"deliveries_total": 1, "deliveries_refused_total": 1, "provider_open": 0},
        ),
        (None, State.OPEN, {"provider_open": 1}),
    ],
)
def test_what_becomes_of_a_message_is_counted_by_its_provider(
    outcome: Outcome | None, state: State, counted: dict[str, int]
) -> None:
    with readings.collected() as taken:
        CountedDeliveries().told("sns", outcome, state)

    assert taken == {(name, "sns"): [value] for name, value in counted.items()}


def test_what_was_not_taken_is_logged_with_the_provider_s_own_code(lines: io.StringIO) -> None:
    watch = CountedDeliveries()
    watch.told("sns", Outcome.TAKEN, State.CLOSED)
    watch.told("sns", Outcome.FAILED, State.OPEN, "Throttling")

    [line] = [json.loads(text) for text in lines.getvalue().splitlines()]
    told = {name: line[name] for name in ("message", "provider", "fate", "state", "why")}
    assert told == {
        "message": "provider.not_taken",
        "provider": "sns",
        "fate": "failed",
        "state": "open",
        "why": "Throttling",
    }
    assert set(told) <= FIELDS
