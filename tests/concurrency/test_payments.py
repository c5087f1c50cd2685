"""Payments at once: one authorisation, one capture, one refund; with the control that loses."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from msgspec import structs

from local.payment_simulator import Simulator, running
from local.simulated_payments import Fault, SimulatedPayments
from slotkeeper.adapters.mongo.documents import SAGAS
from slotkeeper.adapters.mongo.sagas import MongoSagas
from slotkeeper.domain.errors import AppointmentError, RequestInProgress, Unavailable
from slotkeeper.domain.payment import LatePayment, Saga, SagaState
from slotkeeper.domain.user import Caller, Role
from slotkeeper.services.verify_otp import Confirmation
from tests.concurrency.at_once import at_once
from tests.support.house import House
from tests.support.paying import FEE, VISA, Shop


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running(SimulatedPayments()) as server:
        yield server


@pytest.fixture
def shop(house: House, simulator: Simulator) -> Shop:
    return Shop.open(house, simulator)


def _authorisations(shop: Shop) -> int:
    return sum(payment["authorisations"] for payment in shop.simulator.payments.payments())


def test_sixteen_verifies_at_once_pay_once(shop: Shop) -> None:
    results = at_once([partial(shop.verify, VISA) for _ in range(16)])

    confirmed = [result for result in results if isinstance(result, Confirmation)]
    refused = {type(result) for result in results if isinstance(result, AppointmentError)}
    assert sum(confirmation.is_new for confirmation in confirmed) == 1
    assert refused <= {RequestInProgress}
    assert _authorisations(shop) == 1
    shop.settle()
    assert shop.kept == FEE
    assert shop.imbalances() == []


def test_two_tabs_with_two_cards_pay_with_one(shop: Shop) -> None:
    cards = ["pm_card_visa", "pm_card_mastercard"] * 4

    at_once([partial(shop.verify, card) for card in cards])

    assert _authorisations(shop) == 1
    shop.settle()
    assert shop.imbalances() == []


class Unfenced(MongoSagas):
    """The control: everybody begins a payment of their own and goes on as they know it.

    `everybody` makes all of them begin before any of them goes on.
    """

    def __init__(self, house: House, everybody: threading.Barrier):
        super().__init__(house.database)
        self._everybody = everybody

    def begin(self, saga: Saga) -> Saga | None:
        super().begin(saga)
        # Each as a try of its own: the provider's idempotency keys would guard them, too.
        return structs.replace(saga, try_=self._everybody.wait() + 1)

    def find(self, attempt_id: str) -> Saga | None:
        return None

    def _change(self, saga: Saga, changes: Any, only_if: Any = None) -> Saga | None:
        state = changes.get("state", saga.state)
        payment_id = changes.get("paymentId", {}).get("$literal", saga.payment_id)
        return structs.replace(saga, state=SagaState(state), payment_id=payment_id)


def test_control_without_the_saga_several_payments_are_authorised(shop: Shop) -> None:
    assert shop.house.till is not None
    unfenced = Unfenced(shop.house, threading.Barrier(4, timeout=60))
    house = replace(shop.house, till=structs.replace(shop.house.till, sagas=unfenced))

    at_once([partial(shop.verify, VISA, house) for _ in range(4)])

    assert _authorisations(shop) > 1


def test_many_sweeps_at_once_settle_each_payment_once(house: House, simulator: Simulator) -> None:
    shops = [Shop.open(house, simulator) for _ in range(5)]
    for shop in shops:
        simulator.payments.fail("authorise", Fault.UNANSWERED)
        with pytest.raises(Unavailable):
            shop.verify()

    settlements = at_once([shops[0].house.settle for _ in range(6)])

    assert sum(sum(done.settled.values()) for done in settlements) == 5
    assert all(shop.saga["state"] == "captured" for shop in shops)
    assert shops[0].imbalances() == []


def test_many_sweeps_at_once_refund_once(shop: Shop) -> None:
    booking = shop.verify().booking
    shop.house.cancel(booking.id, Caller(user_id=shop.alice, role=Role.PATIENT))

    at_once([shop.house.settle for _ in range(8)])

    [payment] = shop.simulator.payments.payments()
    assert (payment["captured"], payment["refunded"]) == (FEE, FEE)
    assert shop.imbalances() == []


@pytest.mark.parametrize("late", list(LatePayment))
def test_verify_against_the_end_of_the_hold_against_the_next_patient(
    house: House, simulator: Simulator, late: LatePayment
) -> None:
    for _ in range(6):
        shop = Shop.open(house, simulator, late=late)
        bob = shop.house.patient()

        def lapse(shop: Shop = shop, bob: str = bob) -> None:
            shop.house.end_hold_if_any(shop.slot)
            shop.house.lose_redis()
            shop.house.hold(shop.slot, bob)

        at_once([shop.verify, lapse, shop.house.sweep, shop.house.settle])
        shop.settle()

        assert shop.imbalances() == []


def test_verify_against_release_against_the_sweep(house: House, simulator: Simulator) -> None:
    for _ in range(6):
        shop = Shop.open(house, simulator, late=LatePayment.IF_STILL_FREE)

        at_once([shop.verify, partial(shop.house.release, shop.attempt, shop.alice)])
        shop.settle()

        assert shop.imbalances() == []


def test_cancel_against_capture_against_the_sweep(house: House, simulator: Simulator) -> None:
    for _ in range(6):
        shop = Shop.open(house, simulator)
        simulator.payments.fail("capture", Fault.LOST)
        booking = shop.verify().booking
        shop.end_leases()
        caller = Caller(user_id=shop.alice, role=Role.PATIENT)

        at_once([shop.house.settle, partial(shop.house.cancel, booking.id, caller)])
        shop.settle()

        assert _states(shops=[shop]) <= {"refunded", "voided"}
        assert shop.imbalances() == []


def _states(shops: Sequence[Shop]) -> set[str]:
    return {shop.saga["state"] for shop in shops}


def test_sagas_that_rest_are_not_due(shop: Shop) -> None:
    shop.verify()

    assert shop.house.database[SAGAS].count_documents({"dueAt": {"$exists": True}}) == 0
