"""What every request, sweep and relay sends to MongoDB: the statements that need their indexes.

Not copied: the adapters are asked on a database that catches what they would send.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from ops.queries.caught import Caught, Statement
from slotkeeper.adapters.mongo.booking_lists import MongoBookingLists
from slotkeeper.adapters.mongo.catalogue import MongoCatalogue
from slotkeeper.adapters.mongo.documents import AUDIT_LOGS
from slotkeeper.adapters.mongo.ledger import MongoLedger
from slotkeeper.adapters.mongo.outbox import MongoOutbox
from slotkeeper.adapters.mongo.sagas import MongoSagas
from slotkeeper.adapters.mongo.seals import MongoSeals
from slotkeeper.adapters.mongo.slots import MongoSlots
from slotkeeper.domain.booking import BookingStatus
from slotkeeper.domain.errors import AppointmentError
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.ports.bookings import BookingFilter
from slotkeeper.ports.clinic import DoctorFilter
from slotkeeper.ports.pages import Position
from slotkeeper.ports.slots import SlotFilter

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Critical:
    """One statement, and what is served by it."""

    serves: str
    statement: Statement

    @property
    def collection(self) -> str:
        return str(next(iter(self.statement.values())))


def critical() -> list[Critical]:
    """Every one of them, with made-up ids."""
    caught = Caught()
    found: list[Critical] = []
    for serves, ask in _asked(caught):
        caught.statements.clear()
        # Nothing is there: which the adapters tell as they do.
        with suppress(AppointmentError):
            ask()
        found += [Critical(serves=serves, statement=one) for one in caught.statements]
    return found


Ask = tuple[str, Callable[[], Any]]


def _asked(caught: Caught) -> Iterator[Ask]:
    now = datetime.now(UTC)
    yield from _of_slots(caught, now)
    yield from _of_lists(caught, now)
    yield from _of_bookings(caught, now)
    yield from _of_background(caught, now)


def _of_slots(caught: Caught, now: datetime) -> Iterator[Ask]:
    slots = MongoSlots(caught.as_database, BookingPolicy())
    attempt = {"attempt_id": "at_1", "user_id": "user"}
    ranges = {
        "": SlotFilter(doctor_id="doctor"),
        " of a day": SlotFilter(doctor_id="doctor", date=now.date().isoformat()),
        " of a time": SlotFilter(doctor_id="doctor", start=now, end=now + _DAY),
    }
    place = Position(key=now, id="doctor_1")
    for of, wanted in ranges.items():
        for after in (None, place):
            yield (
                f"free slots{of}",
                partial(slots.free_slots, wanted, now=now, after=after, skip=0, limit=20),
            )
        yield f"count of free slots{of}", partial(slots.count_free, wanted, now=now)
        yield f"when slots are free again{of}", partial(slots.first_release, wanted, now=now)
    yield (
        "hold",
        lambda: slots.place_hold("doctor_1", **attempt, channel=None, request_id="request"),
    )
    yield "attempt", lambda: slots.find_attempt("at_1")
    yield "try of a code", lambda: slots.count_try("doctor_1", **attempt)
    yield (
        "confirmation",
        lambda: slots.confirm(
            "doctor_1", **attempt, send_number=1, booking_id="bk_1", request_id="request"
        ),
    )
    yield (
        "release",
        lambda: slots.release("doctor_1", **attempt, request_id="request", actor="user"),
    )
    yield "slots by id", lambda: slots.find(["doctor_1"])
    yield "sweep of holds", lambda: slots.expire_due(limit=200, request_id="request")
    yield "facts to record", lambda: slots.unrecorded(limit=200)


def _of_lists(caught: Caught, now: datetime) -> Iterator[Ask]:
    catalogue = MongoCatalogue(caught.as_database)
    for doctors in (
        DoctorFilter(),
        DoctorFilter(specialty="cardiology"),
        DoctorFilter(clinic_id="clinic"),
        DoctorFilter(clinic_id="clinic", specialty="cardiology"),
    ):
        for after in (None, Position(key="Dr. A", id="doctor")):
            yield (
                "doctors",
                partial(catalogue.page, doctors, after=after, skip=0, limit=20),
            )
        yield "count of doctors", partial(catalogue.count, doctors)
    yield "doctors of a clinic", lambda: catalogue.ids_of("clinic")
    lists = MongoBookingLists(caught.as_database)
    whose: tuple[dict[str, Any], ...] = (
        {"user_id": "user"},
        {"doctor_ids": ["doctor", "other"]},
        {},
    )
    for of in whose:
        for status in (None, BookingStatus.CONFIRMED):
            for start, end in ((None, None), (now, None), (None, now), (now, now + _DAY)):
                wanted = BookingFilter(**of, status=status, start=start, end=end)
                for after in (None, Position(key=now, id="bk_1")):
                    yield (
                        "bookings",
                        partial(lists.page, wanted, after=after, skip=0, limit=20),
                    )
                yield "count of bookings", partial(lists.count, wanted)


def _of_bookings(caught: Caught, now: datetime) -> Iterator[Ask]:
    ledger = MongoLedger(caught.as_database)
    for around in (None, now):
        yield (
            "bookings in a hold's way",
            partial(ledger.bearing_on_hold, "user", ids=["bk_1"], around=around),
        )
    yield "booking", lambda: ledger.booking("bk_1")


def _of_background(caught: Caught, now: datetime) -> Iterator[Ask]:
    yield "relay", lambda: MongoOutbox(caught.as_database).claim(limit=100)
    yield "payments due", lambda: MongoSagas(caught.as_database).due(limit=20)
    seals = MongoSeals(caught.as_database)
    yield "newest block", seals.head

    def to_seal() -> None:
        caught.documents[AUDIT_LOGS] = [{"_id": "entry"}]
        list(seals.unsealed(None, limit=100, now=now))

    yield "entries to seal", to_seal
