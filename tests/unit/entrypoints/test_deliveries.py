from __future__ import annotations

import json

import pytest

from slotkeeper.domain.provider import State
from slotkeeper.entrypoints.deliveries import CountedDeliveries
from slotkeeper.ports.notifications import Outcome


@pytest.mark.parametrize(
    ("outcome", "state", "counted"),
    [
        (Outcome.TAKEN, State.CLOSED, {"deliveries_total": 1, "provider_open": 0}),
        (Outcome.FAILED, State.CLOSED, {"deliveries_failed_total": 1, "provider_open": 0}),
        (Outcome.FAILED, State.OPEN, {"deliveries_failed_total": 1, "provider_open": 1}),
        (Outcome.REFUSED, State.CLOSED, {"deliveries_refused_total": 1, "provider_open": 0}),
        (None, State.OPEN, {"provider_open": 1}),
    ],
)
def test_what_becomes_of_a_message_is_counted_by_its_provider(
    capsys: pytest.CaptureFixture[str],
    outcome: Outcome | None,
    state: State,
    counted: dict[str, int],
) -> None:
    CountedDeliveries().told("sns", outcome, state)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    emitted = [line for line in lines if "_aws" in line]
    assert {line["provider"] for line in emitted} == {"sns"}
    assert {name: line[name] for line in emitted for name in counted if name in line} == {
        name: [value] for name, value in counted.items()
    }
    assert len(emitted) == len(counted)
