"""A house whose doctors take fees, a provider that fails as told, and functions that die."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import structs

from local.payment_simulator import Simulator
from slotkeeper.adapters.mongo.documents import SAGAS
from slotkeeper.adapters.payment.stripe import StripePayments
from slotkeeper.domain.errors import AppointmentError, PaymentDeclined
from slotkeeper.domain.payment import LatePayment
from slotkeeper.services.verify_otp import Confirmation
from tests.support.house import House

FEE = 4_500
VISA = "pm_card_visa"
DECLINED = "pm_card_chargeDeclined"
LIVE = ("confirmed", "completed", "no_show")


class Died(BaseException):
    """The function was killed: nothing of it goes on, nothing is undone."""


class Life:
    """Ends before the `at`-th call, in whichever thread that is; the others end with it."""

    def __init__(self, at: int | None = None):
        self.at = at
        self.calls: list[str] = []
        self._lock = threading.Lock()

    def step(self, name: str) -> None:
        with self._lock:
            self.calls.append(name)
            if self.at is not None and len(self.calls) > self.at:
                raise Died


class Mortal:
    """Any port, whose every method is a moment at which the function may die."""

    def __init__(self, port: Any, life: Life):
        self._port = port
        self._life = life

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*args: Any, **options: Any) -> Any:
            self._life.step(f"{type(self._port).__name__}.{name}")
            return method(*args, **options)

        return call


@dataclass
class Shop:
    """A slot with a fee that Alice holds, and the books of everybody."""

    house: House
    simulator: Simulator
    slot: str
    alice: str
    attempt: str
    code: str

    @classmethod
    def open(
        cls,
        house: House,
        simulator: Simulator,
        *,
        late: LatePayment = LatePayment.REFUND,
        **hold: Any,
    ) -> Shop:
        provider = StripePayments(lambda: "sk_test_house", simulator.url)
        paying = house.with_payments(provider, late)
        slot, alice = paying.slot(paying.doctor(fee=FEE)), paying.patient()
        attempt = paying.hold(slot, alice, **hold)
        return cls(paying, simulator, slot, alice, attempt, paying.code(attempt, alice))

    def verify(self, method: str | None = VISA, house: House | None = None) -> Confirmation:
        return (house or self.house).verify(self.attempt, self.alice, self.code, method)

    def mortal(self, life: Life) -> House:
        house, till = self.house, self.house.till
        assert till is not None
        provider = till.provider()
        ports: dict[str, Any] = {
            "ledger": Mortal(house.ledger, life),
            "booked_slots": Mortal(house.booked_slots, life),
            "gate": Mortal(house.gate, life),
        }
        lives = replace(house, **ports)
        of_till: dict[str, Any] = {
            "provider": lambda: Mortal(provider, life),
            "sagas": Mortal(till.sagas, life),
            "slots": Mortal(till.slots, life),
        }
        return replace(
            lives, till=structs.replace(till, gate=lives.gate, ends=lives.ends, **of_till)
        )

    def verify_until_told(self) -> Confirmation | AppointmentError:
        """What a patient hears in the end who tries again whenever they are asked to."""
        told: AppointmentError | None = None
        for _ in range(6):
            try:
                return self.verify()
            except PaymentDeclined as declined:
                return declined
            except AppointmentError as error:
                told = error
                self.end_leases()
        assert told is not None
        return told

    def end_leases(self) -> None:
        """Let the time pass in which a saga is its worker's: the database's clock cannot be set."""
        past = datetime.now(UTC) - timedelta(seconds=1)
        self.house.database[SAGAS].update_many(
            {"dueAt": {"$exists": True}}, {"$set": {"dueAt": past}}
        )

    def settle(self, rounds: int = 8) -> None:
        """What the schedules do within some minutes."""
        for _ in range(rounds):
            self.house.sweep()
            self.house.relay()
            self.end_leases()
            self.house.settle()
            if not self.house.database[SAGAS].count_documents({"dueAt": {"$exists": True}}):
                break

    # --- the books

    @property
    def saga(self) -> dict[str, Any]:
        found = self.house.database[SAGAS].find_one({"_id": self.attempt})
        assert found is not None
        return found

    @property
    def kept(self) -> int:
        """What the provider has taken and not given back."""
        return self.simulator.payments.kept

    @property
    def reserved(self) -> int:
        return self.simulator.payments.reserved

    @property
    def owed(self) -> int:
        """What the live bookings cost."""
        return sum(
            booking["payment"]["amount"]
            for booking in self.house.bookings(status={"$in": LIVE})
            if "payment" in booking
        )

    def imbalances(self) -> list[str]:
        """What is not as it should be when all is settled."""
        found = []
        if self.kept != self.owed or self.reserved:
            found.append(f"kept {self.kept}, owed {self.owed}, reserved {self.reserved}")
        found += [
            f"{payment['id']} was authorised {payment['authorisations']} times"
            for payment in self.simulator.payments.payments()
            if payment["authorisations"] > 1
        ]
        live = {b["_id"]: b for b in self.house.bookings(status={"$in": LIVE})}
        for saga in self.house.database[SAGAS].find():
            if "dueAt" in saga:
                found.append(f"saga {saga['state']} is not at rest")
            if (saga["state"] == "captured") != (saga["bookingId"] in live):
                found.append(f"saga {saga['state']}, live booking {saga['bookingId'] in live}")
        return found
