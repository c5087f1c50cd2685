"""Paying for a booking: a price, and the saga that takes the money or gives it back (ADR 0005)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from slotkeeper.value import Value


class Price(Value, kw_only=True):
    """`amount` in minor units of `currency` (ISO 4217, lower case)."""

    amount: int
    currency: str


class LatePayment(StrEnum):
    """What becomes of a payment that was authorised when the hold had ended."""

    REFUND = "refund"
    IF_STILL_FREE = "if_still_free"
    """The slot is booked all the same, where nobody else has it and it has not begun."""


class SagaState(StrEnum):
    AUTHORISING = "authorising"
    """The provider may have been asked; its answer is not known."""
    AUTHORISED = "authorised"
    """The money is reserved; whether the slot is booked is not known."""
    CAPTURING = "capturing"
    """The slot is booked; the money is being taken."""
    CAPTURED = "captured"
    DECLINED = "declined"
    VOIDING = "voiding"
    """There is no booking (any more): whatever was reserved or taken is given back."""
    VOIDED = "voided"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


RESTING = frozenset({SagaState.CAPTURED, SagaState.DECLINED, SagaState.VOIDED, SagaState.REFUNDED})
"""Nothing is left to be done; in all other states the sweep has work."""
MAY_BEGIN_AGAIN = frozenset({SagaState.DECLINED, SagaState.VOIDED})
"""No money is reserved or taken, and there never was a booking: another try is as good as new."""
BOOKED = frozenset({SagaState.CAPTURING, SagaState.CAPTURED})

NEXT: dict[SagaState, frozenset[SagaState]] = {
    SagaState.AUTHORISING: frozenset(
        {SagaState.AUTHORISED, SagaState.DECLINED, SagaState.VOIDING, SagaState.VOIDED}
    ),
    SagaState.AUTHORISED: frozenset({SagaState.CAPTURING, SagaState.VOIDING}),
    SagaState.CAPTURING: frozenset({SagaState.CAPTURED, SagaState.VOIDING}),
    SagaState.CAPTURED: frozenset({SagaState.REFUNDING}),
    SagaState.VOIDING: frozenset({SagaState.VOIDED, SagaState.REFUNDED}),
    SagaState.REFUNDING: frozenset({SagaState.REFUNDED, SagaState.VOIDED}),
    SagaState.DECLINED: frozenset({SagaState.AUTHORISING}),
    SagaState.VOIDED: frozenset({SagaState.AUTHORISING}),
    SagaState.REFUNDED: frozenset(),
}
"""Where each state may lead."""

ENDED_BY_BOOKING: dict[SagaState, SagaState] = {
    SagaState.AUTHORISED: SagaState.VOIDING,
    SagaState.CAPTURING: SagaState.VOIDING,
    SagaState.CAPTURED: SagaState.REFUNDING,
}
"""Where a saga goes when the booking it paid for ends."""


class Saga(Value, kw_only=True):
    """How far the payment of one attempt has come; `version` fences whoever works on it."""

    id: str
    """The attempt."""
    slot_id: str
    doctor_id: str
    user_id: str
    booking_id: str
    price: Price
    state: SagaState
    payment_id: str | None
    """The payment's id at the provider; None as long as no money can have moved."""
    try_: int
    version: int
    created_at: datetime
    updated_at: datetime
    replaces: str | None = None
    """The booking that the attempt's booking is to take the place of."""
    is_withdrawn: bool = False
    """The patient let the slot go: it is not booked for them late."""

    @property
    def is_resting(self) -> bool:
        return self.state in RESTING

    def key(self, step: str) -> str:
        """The provider's idempotency key for a step of this try: the same, if it is repeated."""
        return f"{self.id}-{self.try_}-{step}"


class PaymentStatus(StrEnum):
    """A payment as the provider sees it."""

    OPEN = "open"
    """No money is reserved."""
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    CANCELLED = "cancelled"
    """Nothing is reserved, and nothing ever can be."""


class Payment(Value, kw_only=True):
    id: str
    status: PaymentStatus
    price: Price
