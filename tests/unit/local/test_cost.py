"""The arithmetic of costs, and that docs/cost.md is what it makes of its measurement."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from local import cost, cost_model
from local.cost_model import Measured, Use

PRICE = {
    **dict.fromkeys(cost_model.prices("us-east-1"), 0.0),
    "api_request": 4e-6,
    "lambda_request": 1e-6,
    "lambda_gb_second": 1e-5,
    "log_gb": 0.5,
    "sqs_request": 1e-6,
    "waf_request": 1e-6,
    "alarm_month": 0.1,
}
ONE = Measured(
    requests=10,
    messages=2,
    functions={"hold_slot": Use(calls=1, ms=100, log_bytes=520)},
    sweeps={"expire_locks": Use(calls=43_200, ms=0, log_bytes=0)},
)


def test_each_line_is_a_count_times_a_price() -> None:
    cost_of = cost_model.per_million(ONE, PRICE)

    assert cost_of["API Gateway (REST), requests"] == pytest.approx(40)
    assert cost_of["Lambda, requests"] == pytest.approx(1)
    assert cost_of["SQS"] == pytest.approx(2 * 3)
    assert cost_of["CloudWatch Logs, taken in"] == pytest.approx((520 + 10 * 480) / 1000 * 0.5)


def test_duration_is_as_if_all_were_computing_with_some_cold_starts() -> None:
    cost_of = cost_model.per_million(ONE, PRICE)

    seconds = (100 * 1769 / 512 + 0.01 * 600) / 1000
    assert cost_of["Lambda, duration"] == pytest.approx(seconds * 0.5 * 1e-5 * 1e6)


def test_twice_the_calls_cost_twice() -> None:
    twice = replace(ONE, functions={"hold_slot": Use(calls=2, ms=100, log_bytes=520)})

    once_of, twice_of = (cost_model.per_million(one, PRICE) for one in (ONE, twice))

    for name in ("Lambda, requests", "Lambda, duration"):
        assert twice_of[name] == pytest.approx(2 * once_of[name])


def test_a_stack_that_rests_costs_its_sweeps_and_what_stands() -> None:
    month = cost_model.per_month(ONE, PRICE, alarms=30, metrics=0, dashboards=0)

    assert month["alarms (30)"] == pytest.approx(3)
    assert month["what runs every minute"] >= 43_200 * 1e-6


def test_no_lever_saves_more_than_what_it_is_about_costs() -> None:
    told = Measured.of(json.loads(cost.MEASURED.read_text()))
    for region in cost.REGIONS:
        price = cost_model.prices(region)
        costs = cost_model.per_million(told, price)
        saved = cost_model.levers(told, price)
        logs = sum(dollars for name, dollars in costs.items() if "Logs" in name)

        assert saved["`LogLevel=WARNING`"] + saved["no log of requests"] <= logs * 1.001
        assert saved["arm64 (a fifth less a second)"] < costs["Lambda, duration"]


def test_every_region_has_every_price() -> None:
    first, *others = (set(cost_model.prices(region)) for region in cost.REGIONS)

    assert all(other == first for other in others)
    with pytest.raises(KeyError):
        cost_model.prices("mars-north-1")


def test_the_page_shows_what_the_model_makes_of_its_measurement() -> None:
    page = cost.PAGE.read_text()

    assert cost.with_tables(page, json.loads(cost.MEASURED.read_text())) == page


def test_a_measurement_is_of_the_mix_that_the_page_names() -> None:
    told = json.loads(cost.MEASURED.read_text())

    assert told["requests"] == pytest.approx(7.45, abs=0.01)
    assert told["functions"]["authorize"]["calls"] == pytest.approx(told["requests"], abs=0.1)
    assert told["messages"] >= 2
