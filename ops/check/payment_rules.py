"""What must hold of payments: no booking with a price unpaid, no money kept without a booking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ops.check.booking_case import BookingCase
from ops.check.moment import Moment
from ops.check.reader import Reader
from ops.check.rules import (
    BOOKING_WITHOUT_PAYMENT,
    MONEY_WITHOUT_BOOKING,
    PAYMENT_DIFFERS,
    PAYMENT_UNFINISHED,
)
from ops.check.stored import Stored, booking_stored, saga_stored, unfit
from ops.violation import Violation
from slotkeeper.adapters.mongo.documents import BOOKINGS, SAGAS, Document
from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.payment import Saga, SagaState

KEEPS_MONEY = frozenset({BookingStatus.CONFIRMED, BookingStatus.COMPLETED, BookingStatus.NO_SHOW})
"""Bookings that are paid for."""
PAYS = frozenset({SagaState.AUTHORISED, SagaState.CAPTURING, SagaState.CAPTURED})
"""Sagas that pay for a booking."""


@dataclass(slots=True)
class PaymentCase:
    saga: Stored[Saga]
    booking: Stored[Booking] | None = None


def payment_cases(reader: Reader, page: Iterable[Document]) -> list[PaymentCase]:
    cases = [PaymentCase(saga_stored(document)) for document in page]
    by_booking: dict[str, list[PaymentCase]] = {}
    for case in cases:
        if case.saga.says:
            by_booking.setdefault(case.saga.says.booking_id, []).append(case)
    for document in reader.among(BOOKINGS, "_id", by_booking):
        for case in by_booking[document["_id"]]:
            case.booking = booking_stored(document)
    return cases


def read_payment_cases(reader: Reader, ids: Sequence[object]) -> list[PaymentCase]:
    """The cases as they are now; to be read at one instant."""
    return payment_cases(reader, reader.among(SAGAS, "_id", ids))


def payment_violations(case: PaymentCase, moment: Moment) -> Iterator[Violation]:
    yield from unfit(case.saga)
    saga = case.saga.says
    if saga is None:
        return
    if not saga.is_resting and not moment.is_under_way(saga.updated_at):
        yield PAYMENT_UNFINISHED.broken(saga.id, case.saga.shown)
    if saga.state is not SagaState.CAPTURED or (case.booking and case.booking.says is None):
        return
    booking = case.booking.says if case.booking else None
    # The booking may be about to be stored, or the money about to be given back.
    last_change = max([saga.updated_at, *([booking.updated_at] if booking else [])])
    is_kept_rightly = booking is not None and booking.status in KEEPS_MONEY
    if not is_kept_rightly and not moment.is_under_way(last_change):
        of_booking = [case.booking.shown] if case.booking else []
        yield MONEY_WITHOUT_BOOKING.broken(saga.id, case.saga.shown, *of_booking)


def booking_payment_violations(
    case: BookingCase, booking: Booking, moment: Moment
) -> Iterator[Violation]:
    """The booking's side: it has a price, so its payment is made, or reserved at least."""
    if booking.payment is None or booking.status not in KEEPS_MONEY:
        return
    if case.payment is None:
        yield BOOKING_WITHOUT_PAYMENT.broken(booking.id, case.booking.shown)
    elif saga := case.payment.says:
        both = (case.booking.shown, case.payment.shown)
        if saga.state not in PAYS and not moment.is_under_way(saga.updated_at):
            yield BOOKING_WITHOUT_PAYMENT.broken(booking.id, *both)
        if booking.payment != saga.price:
            yield PAYMENT_DIFFERS.broken(booking.id, *both)
