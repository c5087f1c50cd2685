"""A fee is paid, declined and refunded, over HTTP; the provider is the simulator."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from local.api import Patient
from local.config import HOST, Config
from tests.support.clinic import Clinic, close_clinic, found_clinic

FEE = 6_000
WAIT_SECONDS = 150.0
"""The sweep comes every minute."""


@pytest.fixture
def paid(
    system: Config, stack: dict[str, Any], deployed_mongo: Database[dict[str, Any]]
) -> Iterator[Clinic]:
    clinic = found_clinic(system, deployed_mongo, slots=4, fee=FEE)
    yield clinic
    close_clinic(deployed_mongo, clinic)


def _payments(system: Config, attempt: str) -> list[dict[str, Any]]:
    url = f"http://{HOST}:{system.payment_port}/_simulator/payments"
    with urllib.request.urlopen(url, timeout=5) as answer:  # a loopback address
        return [told for told in json.load(answer) if told["attemptId"] == attempt]


def test_a_fee_is_declined_then_paid_and_comes_back_when_the_booking_is_cancelled(
    system: Config, alice: Patient, paid: Clinic
) -> None:
    attempt = alice.hold(paid.slots[0]).json["attemptId"]
    code = alice.code()

    without = alice.verify(attempt, code)
    declined = alice.verify(attempt, code, paymentMethod="pm_card_chargeDeclined")
    booked = alice.verify(attempt, code, paymentMethod="pm_card_visa")
    again = alice.verify(attempt, code, paymentMethod="pm_card_visa")
    taken = [p["captured"] for p in _payments(system, attempt)]
    cancelled = alice.cancel(booked.json["id"])

    assert (without.status, without.json["code"]) == (400, "invalid_request")
    assert without.json["errors"][0]["field"] == "paymentMethod"
    assert (declined.status, declined.json["code"]) == (422, "payment_declined")
    assert booked.status == 201, booked.text
    assert booked.json["payment"] == {"amount": FEE, "currency": "eur"}
    assert (again.status, again.json) == (200, booked.json)
    assert sorted(taken) == [0, FEE]
    assert cancelled.status == 200
    _wait_until_nothing_is_kept(system, attempt)
    assert alice.wait_for(1, r"Your appointment is cancelled: .*")


def _wait_until_nothing_is_kept(system: Config, attempt: str) -> None:
    ends_at = time.monotonic() + WAIT_SECONDS
    while sum(p["captured"] - p["refunded"] for p in _payments(system, attempt)):
        assert time.monotonic() < ends_at, _payments(system, attempt)
        time.sleep(0.5)


def test_card_data_is_no_payment_method(alice: Patient, paid: Clinic) -> None:
    attempt = alice.hold(paid.slots[1]).json["attemptId"]

    refused = alice.verify(attempt, alice.code(), paymentMethod="4242 4242 4242 4242")

    assert (refused.status, refused.json["code"]) == (400, "invalid_request")
    assert "4242" not in refused.text
