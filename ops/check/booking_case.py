"""Everything that concerns one booking: its slot, its attempt's other bookings, its replacement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ops.check.reader import Reader
from ops.check.stored import (
    SlotSeen,
    Stored,
    booking_stored,
    saga_stored,
    slot_stored,
)
from slotkeeper.adapters.mongo.documents import AUDIT_LOGS, BOOKINGS, SAGAS, SLOTS, Document
from slotkeeper.domain.attempt import booking_id
from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.payment import Saga
from slotkeeper.domain.slot import doctor_of

CONFIRMED = {"status": BookingStatus.CONFIRMED.value}
FACTS_OF_BOOKING = "by_booking"


@dataclass(slots=True)
class BookingCase:
    booking: Stored[Booking]
    slot: Stored[SlotSeen] | None = None
    has_facts: bool = False
    """Whether the audit log tells anything of it."""
    related: dict[str, Stored[Booking]] = field(default_factory=dict)
    """Those it names, and the one its attempt leads to, by id."""
    payment: Stored[Saga] | None = None
    """Of its attempt; looked for only where the booking has a price."""
    rivals: list[Stored[Booking]] = field(default_factory=list)
    """Confirmed bookings of its slot, itself among them if it is; not read in passing."""

    @property
    def has_price(self) -> bool:
        return self.booking.says is not None and self.booking.says.payment is not None

    def related_ids(self) -> list[str]:
        booking = self.booking.says
        if booking is None:
            return []
        own = booking_id(booking.attempt_id)
        ids = [booking.replaces, booking.replaced_by, own if own != booking.id else None]
        return [id_ for id_ in ids if id_ is not None]


def booking_cases(reader: Reader, page: Iterable[Document]) -> list[BookingCase]:
    """What is needed to see in passing whether anything may be wrong."""
    cases = [BookingCase(booking_stored(document)) for document in page]
    _add(reader, cases, every_slot=False)
    return cases


def read_booking_cases(reader: Reader, ids: Sequence[object]) -> list[BookingCase]:
    """The cases as they are now, with everything; to be read at one instant."""
    cases = [BookingCase(booking_stored(found)) for found in reader.among(BOOKINGS, "_id", ids)]
    _add(reader, cases, every_slot=True)
    _add_rivals(reader, cases)
    return cases


def _add(reader: Reader, cases: Sequence[BookingCase], *, every_slot: bool) -> None:
    of_slot: dict[str, list[BookingCase]] = {}
    for case in cases:
        booking = case.booking.says
        if booking and (every_slot or booking.status is BookingStatus.CONFIRMED):
            of_slot.setdefault(booking.slot_id, []).append(case)
    for document in reader.among(SLOTS, "_id", of_slot):
        for case in of_slot[document["_id"]]:
            case.slot = slot_stored(document)
    readable = {case.booking.says.id: case for case in cases if case.booking.says}
    # Answered by the index alone.
    rows = reader.among(
        AUDIT_LOGS, "bookingId", readable, only=["bookingId"], index=FACTS_OF_BOOKING
    )
    for row in rows:
        readable[row["bookingId"]].has_facts = True
    wanted = [(case, id_) for case in cases for id_ in case.related_ids()]
    found = {b["_id"]: b for b in reader.among(BOOKINGS, "_id", {id_ for _, id_ in wanted})}
    for case, id_ in wanted:
        if id_ in found:
            case.related[id_] = booking_stored(found[id_])
    _add_payments(reader, cases)


def _add_payments(reader: Reader, cases: Sequence[BookingCase]) -> None:
    by_attempt: dict[str, list[BookingCase]] = {}
    for case in cases:
        if case.booking.says and case.has_price:
            by_attempt.setdefault(case.booking.says.attempt_id, []).append(case)
    for document in reader.among(SAGAS, "_id", by_attempt):
        for case in by_attempt[document["_id"]]:
            case.payment = saga_stored(document)


def _add_rivals(reader: Reader, cases: Sequence[BookingCase]) -> None:
    of_slot: dict[str, list[BookingCase]] = {}
    doctors: set[str] = set()
    for case in cases:
        if case.booking.says:
            of_slot.setdefault(case.booking.says.slot_id, []).append(case)
            # The one it names and the one its slot names: they may differ.
            doctors |= {case.booking.says.doctor_id, doctor_of(case.booking.says.slot_id)}
    where = {**CONFIRMED, "doctorId": {"$in": sorted(doctors)}}
    for document in reader.among(BOOKINGS, "slotId", of_slot, where=where):
        for case in of_slot[document["slotId"]]:
            case.rivals.append(booking_stored(document))
