"""Paying for a booking, on real stores and against the simulator over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.payment_simulator import Simulator, running
from local.simulated_payments import Fault, SimulatedPayments
from slotkeeper.adapters.payment.stripe import StripePayments
from slotkeeper.domain.errors import (
    HoldExpired,
    InvalidRequest,
    PaymentDeclined,
    RequestInProgress,
    Unavailable,
)
from slotkeeper.domain.payment import LatePayment
from slotkeeper.domain.user import Caller, Role
from tests.support.house import House

FEE = 4_500
VISA = "pm_card_visa"
DECLINED = "pm_card_chargeDeclined"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running(SimulatedPayments()) as server:
        yield server


@pytest.fixture
def paying(house: House, simulator: Simulator) -> House:
    return house.with_payments(StripePayments(lambda: "sk_test_x", simulator.url))


def test_a_fee_is_paid_with_the_booking(paying: House, simulator: Simulator) -> None:
    slot, alice = paying.slot(paying.doctor(fee=FEE)), paying.patient()

    booking = paying.book(slot, alice, method=VISA)

    [payment] = simulator.payments.payments()
    assert (payment["status"], payment["captured"], payment["refunded"]) == ("succeeded", FEE, 0)
    [saga] = paying.database["sagas"].find()
    assert (saga["state"], saga["paymentId"]) == ("captured", payment["id"])
    [stored] = paying.bookings()
    assert stored["payment"] == {"amount": FEE, "currency": "eur"}
    assert booking.payment is not None
