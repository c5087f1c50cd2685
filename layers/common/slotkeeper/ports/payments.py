"""Payments: the provider, the sagas, and the slots that are paid for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.payment import Payment, Price, Saga, SagaState
    from slotkeeper.ports.slots import SlotDecision


class DueSagas(Value):
    """Sagas with something to be done; `unreadable` are the ids of what is none, set aside."""

    sagas: Sequence[Saga]
    unreadable: Sequence[str] = ()


class PaymentProvider(Protocol):
    """Moves money. A payment is an object there: it is reserved at most once, taken at most once.

    Every method raises Unavailable where the outcome is not known; `find` tells it later. What is
    asked of a payment that is there may be asked again: its state lets it happen once.
    """

    def open(self, saga: Saga) -> str:
        """The id of a new payment of the saga's price that reserves nothing yet: one for each try.

        Raises PaymentDeclined.
        """
        ...

    def authorise(self, payment_id: str, *, method: str, key: str) -> Payment:
        """Reserve the money. Raises PaymentDeclined: it was not, and will not be by this call.

        Never sent twice: whoever did not hear the answer asks by `find`, or cancels. `key` is for
        what the network may repeat.
        """
        ...

    def find(self, payment_id: str) -> Payment: ...

    def capture(self, payment_id: str) -> Payment:
        """Take what is reserved; the payment as it is then, whatever it was before."""
        ...

    def cancel(self, payment_id: str) -> Payment:
        """Let go of what is reserved and reserve nothing more; the payment as it is then.

        One that was captured stays so.
        """
        ...

    def refund(self, payment_id: str) -> None:
        """Give back all that was captured, once, however often this is called."""
        ...


class SagaStore(Protocol):
    """Sagas. Whoever changes one must know its newest version and thereby holds it for a while.

    That while (`SAGA_LEASE`) is longer than a function lives: a saga whose time has come
    is nobody's.
    """

    def find(self, attempt_id: str) -> Saga | None: ...

    def begin(self, saga: Saga) -> Saga | None:
        """Store a new saga and hold it; None if there is one of that attempt."""
        ...

    def take(self, saga: Saga) -> Saga | None:
        """Hold the saga; None if somebody else does or it is not what it was."""
        ...

    def move(
        self,
        saga: Saga,
        to: SagaState,
        *,
        payment_id: str | None = None,
        price: Price | None = None,
        replaces: str | None = None,
    ) -> Saga | None:
        """The saga in its new state, held unless it rests; None if it is not what it was.

        A payment's id is noted where one is given; a saga that begins again has a new try and no
        payment, and is of that price.
        """
        ...

    def let_go(self, saga: Saga) -> None:
        """Hold the saga no longer: whoever comes next goes on."""
        ...

    def set_aside(self, saga: Saga) -> None:
        """Keep the saga from the sweep for a quarter of an hour: somebody has to look at it."""
        ...

    def withdraw(self, attempt_id: str) -> None:
        """Note that the patient does not want the slot any more."""
        ...

    def due(self, *, limit: int) -> DueSagas:
        """Sagas that do not rest and are nobody's, the longest due first."""
        ...


class Fees(Protocol):
    def fee_of(self, doctor_id: str) -> int | None:
        """The doctor's consultation fee in minor units, if there is one."""
        ...


class PaidSlots(Protocol):
    """Changes of slots that are paid for."""

    def accept(
        self, slot_id: str, *, attempt_id: str, user_id: str, send_number: int, request_id: str
    ) -> SlotDecision:
        """Note that the code was right and in time; the hold goes on. Raises NotFound.

        `made` tells whether it was this request that noted it (again); `event` that the slot is
        the attempt's already.
        """
        ...

    def confirm(self, saga: Saga, *, request_id: str) -> SlotDecision:
        """Reserved to booked, if the hold lives and its code was accepted. Raises NotFound."""
        ...

    def confirm_late(self, saga: Saga, *, version: int, request_id: str) -> SlotDecision:
        """Booked, if the slot is free, has not begun, and is as it was at `version`.

        Raises NotFound.
        """
        ...
