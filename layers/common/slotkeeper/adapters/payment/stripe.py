"""Payments by Stripe's PaymentIntents, with its own library.

A PaymentIntent is made first and confirmed second, though Stripe would do both in one request: its
id is then known, and kept, before money can move. Whatever becomes of the confirmation (no answer,
a 500, an idempotency key older than Stripe remembers), the intent itself tells.

Capture, cancellation and refund have no idempotency key of ours: Stripe answers a key with what it
answered first, and be it a 500, for a day. The intent's state lets each happen once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import requests
import stripe
from requests.adapters import HTTPAdapter

from slotkeeper import deadline
from slotkeeper.domain.errors import BrokenInvariant, PaymentDeclined, Unavailable
from slotkeeper.domain.payment import Payment, PaymentStatus, Price, Saga

CONNECT_SECONDS = 1.0
READ_SECONDS = 4.0
_NO_LONGER = "payment_intent_unexpected_state"
_REFUNDED = "charge_already_refunded"
_STATUS = {
    "requires_capture": PaymentStatus.AUTHORISED,
    "succeeded": PaymentStatus.CAPTURED,
    "canceled": PaymentStatus.CANCELLED,
}
"""All others: nothing is reserved."""
_FAILED = {"failed", "canceled"}

stripe.enable_telemetry = False


class StripePayments:
    """`PaymentProvider`; `api_key` is asked for at the first call, an empty `api_base` is Stripe's.

    Nothing is repeated by the library: what may be, and under which key, the saga knows.
    """

    def __init__(
        self, api_key: Callable[[], str], api_base: str = "", read_seconds: float = READ_SECONDS
    ):
        self._api_key = api_key
        self._api_base = api_base
        self._read_seconds = read_seconds

    @cached_property
    def _client(self) -> Any:  # Any: services that the library loads when they are named
        session = requests.Session()
        session.max_redirects = 0  # who says that somebody else would answer is not believed
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Bounded(self._read_seconds))
        return stripe.StripeClient(
            self._api_key(),
            base_addresses={"api": self._api_base} if self._api_base else None,
            max_network_retries=0,
            http_client=stripe.RequestsClient(session=session),
        ).v1

    def open(self, saga: Saga) -> str:
        with _declined(), _answered():
            intent = self._client.payment_intents.create(
                {
                    "amount": saga.price.amount,
                    "currency": saga.price.currency,
                    "capture_method": "manual",
                    "payment_method_types": ["card"],
                    "metadata": {"attemptId": saga.id, "bookingId": saga.booking_id},
                },
                {"idempotency_key": saga.key("open")},
            )
        return str(intent.id)

    def authorise(self, payment_id: str, *, method: str, key: str) -> Payment:
        with _declined(), _answered():
            intent = self._client.payment_intents.confirm(
                payment_id,
                # Nobody is there to be asked for more: a bank that wants that has declined.
                {"payment_method": method, "error_on_requires_action": True},
                {"idempotency_key": key},
            )
        if intent.status != "requires_capture":
            raise PaymentDeclined
        return _payment(intent)

    def find(self, payment_id: str) -> Payment:
        with _certain("retrieve"), _answered():
            return _payment(self._client.payment_intents.retrieve(payment_id))

    def capture(self, payment_id: str) -> Payment:
        return self._ended("capture", payment_id)

    def cancel(self, payment_id: str) -> Payment:
        payment = self._ended("cancel", payment_id)
        if payment.status not in {PaymentStatus.CANCELLED, PaymentStatus.CAPTURED}:
            raise Unavailable  # between two states: asked again later
        return payment

    def refund(self, payment_id: str) -> None:
        # Stripe gives back no more than was taken: of two at once, it refuses the second.
        with _certain("list"), _answered():
            earlier = self._client.refunds.list({"payment_intent": payment_id, "limit": 100}).data
        if any(refund.status not in _FAILED for refund in earlier):
            return
        try:
            with _answered():
                refund = self._client.refunds.create({"payment_intent": payment_id})
        except _Refused as refused:
            if refused.reason == _REFUNDED:
                return
            raise BrokenInvariant(f"refund refused: {refused.reason}") from refused
        if refund.status in _FAILED:
            raise Unavailable

    def _ended(self, how: str, payment_id: str) -> Payment:
        intents = self._client.payment_intents
        try:
            with _answered():
                return _payment(getattr(intents, how)(payment_id))
        except _Refused as refused:
            if refused.reason != _NO_LONGER:
                raise BrokenInvariant(f"{how} refused: {refused.reason}") from refused
        return self.find(payment_id)


class _Refused(Exception):
    """Stripe's definite no: nothing has changed. Its `reason` is Stripe's code."""

    def __init__(self, reason: str | None):
        super().__init__(reason)
        self.reason = reason


class _Bounded(HTTPAdapter):
    """Requests that end within the invocation's time."""

    def __init__(self, read_seconds: float):
        super().__init__()
        self._read_seconds = read_seconds

    def send(
        self, request: Any, *args: Any, **options: Any
    ) -> requests.Response:  # Any: as the library passes them on
        seconds = (
            deadline.seconds_left(CONNECT_SECONDS),
            deadline.seconds_left(self._read_seconds),
        )
        return super().send(request, *args, **{**options, "timeout": seconds})


@contextmanager
def _answered() -> Iterator[None]:
    """Translate what is no success.

    Raises:
        _Refused: a definite no; nothing has changed.
        Unavailable: no answer, or none that says what happened.
        BrokenInvariant: the key was used for something else.
    """
    try:
        yield
    except stripe.IdempotencyError as error:
        if error.http_status == 409:
            raise Unavailable from error
        raise BrokenInvariant("an idempotency key was used for another request") from error
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        if error.http_status == 409 or error.code in {"lock_timeout", "idempotency_key_in_use"}:
            raise Unavailable from error
        raise _Refused(error.code) from error
    except stripe.StripeError as error:
        raise Unavailable from error


@contextmanager
def _declined() -> Iterator[None]:
    try:
        yield
    except _Refused as refused:
        raise PaymentDeclined from refused


@contextmanager
def _certain(call: str) -> Iterator[None]:
    """What Stripe has no reason to refuse: an intent of ours that it does not know, say."""
    try:
        yield
    except _Refused as refused:
        raise BrokenInvariant(f"{call} refused: {refused.reason}") from refused


def _payment(intent: Any) -> Payment:  # Any: the library's own object
    return Payment(
        id=str(intent.id),
        status=_STATUS.get(intent.status, PaymentStatus.OPEN),
        price=Price(amount=int(intent.amount), currency=str(intent.currency)),
    )
