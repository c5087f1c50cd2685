"""Many relays at one outbox."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from slotkeeper.domain.user import Caller, Role
from tests.concurrency import guards
from tests.concurrency.lost import ensure
from tests.concurrency.race import THREADS, Control, Race, Results, Round
from tests.support.house import House

SENT_TWICE = "an event was sent twice"
OUT_OF_ORDER = "a booking's events were sent out of order"

_BOOKINGS = 8
_CANCELLED = 4


def _relay_relay(house: House, _: int) -> Round:
    doctor = house.doctor()
    slots = [house.slot(doctor, starts_in=timedelta(days=n)) for n in range(1, _BOOKINGS + 1)]
    bookings = [house.book(slot, house.patient()) for slot in slots]
    for booking in bookings[:_CANCELLED]:
        house.cancel(booking.id, Caller(user_id=booking.user_id, role=Role.PATIENT))

    def judge(results: Results) -> str:
        house.relay()
        sent = [event for event in house.queue.events if event.doctor_id == doctor]
        counts = Counter(event.id for event in sent)
        ensure(max(counts.values(), default=0) <= 1, SENT_TWICE, counts)
        assert len(sent) == _BOOKINGS + _CANCELLED
        for booking in bookings:
            told = [event.version for event in sent if event.booking_id == booking.id]
            ensure(told == sorted(told), OUT_OF_ORDER, told)
        assert house.events(doctorId=doctor, unsent=True) == []
        return "sent"

    return Round(sides={"relay": [house.relay] * THREADS}, judge=judge)


RELAY_RELAY = Race(
    name="relay/relay",
    begin=_relay_relay,
    controls=[Control(guard="the lease", off=guards.without_leases, harms=frozenset({SENT_TWICE}))],
    rounds=8,
    outcomes={"sent": 0},
)
