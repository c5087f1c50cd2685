"""The passes over the database: each sees all of one kind, and looks twice before it reports.

What a pass sees was read at different instants of a system at work. Where something seems wrong,
all that concerns it is read again at one instant, and what is wrong then is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TypeVar

from ops.check.batches import batches
from ops.check.booking_case import booking_cases, read_booking_cases
from ops.check.booking_rules import booking_violations
from ops.check.delivery_rules import delivery_violations, read_deliveries
from ops.check.fact_rules import fact_violations
from ops.check.merge import side_by_side
from ops.check.moment import Moment
from ops.check.overlaps import Overlaps, overlap_violations
from ops.check.payment_rules import payment_cases, payment_violations, read_payment_cases
from ops.check.reader import Reader
from ops.check.slot_case import SlotCase, add_bookings, read_slot_cases, slot_case
from ops.check.slot_rules import slot_violations
from ops.check.stored import delivery_stored
from ops.check.strays import Strays
from ops.violation import Violation
from slotkeeper.adapters.mongo.documents import (
    AUDIT_LOGS,
    BOOKINGS,
    DELIVERIES,
    OUTBOX,
    SAGAS,
    SLOTS,
)

AT_ONCE = 500
"""Cases that are judged together."""
LOOKED_AT_AGAIN = 50
"""Cases that are read again together: few, as one instant of the database is soon the past."""

Item = TypeVar("Item")
Case = TypeVar("Case")


def slots(reader: Reader, moment: Moment) -> Iterator[Violation]:
    """Slots side by side with the facts that are told of them, and the bookings they name."""
    strays, overlaps = Strays(reader), Overlaps()
    keyed = side_by_side(*(strays.keyed(name) for name in (SLOTS, AUDIT_LOGS, OUTBOX)))
    judge = partial(_slot_violations, moment=moment)
    for some in batches(keyed, AT_ONCE):
        cases = [slot_case(slot_id, *parts) for slot_id, parts in some]
        add_bookings(reader, cases)
        suspects = [case.slot_id for case in cases if _is_suspect(judge(case))]
        yield from _again(reader, suspects, read_slot_cases, judge)
        for pair in overlaps.among(cases):
            yield from reader.at_once(overlap_violations, pair)
        yield from strays.violations()
    yield from strays.violations()


def bookings(reader: Reader, moment: Moment) -> Iterator[Violation]:
    """Bookings, their slots, and the bookings they name."""
    judge = partial(booking_violations, moment=moment)
    for page in reader.pages(BOOKINGS):
        cases = booking_cases(reader, page)
        suspects = [c.booking.document["_id"] for c in cases if _is_suspect(judge(c))]
        yield from _again(reader, suspects, read_booking_cases, judge)


def deliveries(reader: Reader, moment: Moment) -> Iterator[Violation]:
    judge = partial(delivery_violations, moment=moment)
    for page in reader.pages(DELIVERIES):
        suspects = [row["_id"] for row in page if _is_suspect(judge(delivery_stored(row)))]
        yield from _again(reader, suspects, read_deliveries, judge)


def sagas(reader: Reader, moment: Moment) -> Iterator[Violation]:
    """Payments, and the bookings they are for."""
    judge = partial(payment_violations, moment=moment)
    for page in reader.pages(SAGAS):
        cases = payment_cases(reader, page)
        suspects = [c.saga.document["_id"] for c in cases if _is_suspect(judge(c))]
        yield from _again(reader, suspects, read_payment_cases, judge)


def _again(
    reader: Reader,
    suspects: Iterable[Item],
    read: Callable[[Reader, Sequence[Item]], list[Case]],
    judge: Callable[[Case], Iterable[Violation]],
) -> Iterator[Violation]:
    for some in batches(suspects, LOOKED_AT_AGAIN):
        for case in reader.at_once(read, some):
            yield from judge(case)


def _is_suspect(violations: Iterable[Violation]) -> bool:
    return any(True for _ in violations)


def _slot_violations(case: SlotCase, moment: Moment) -> Iterator[Violation]:
    return chain(slot_violations(case, moment), fact_violations(case, moment))
