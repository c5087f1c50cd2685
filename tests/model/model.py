"""The specification: what Slotkeeper answers and what is stored then, in plain Python.

One thing happens after the other, so every answer follows from what happened before. The model
takes ids from the domain (`attempt_id`, `booking_id`) and its value types for what is answered and
told (`Booking`, `DomainEvent`); rules are written down here once more, in other words.

Whether Redis or MongoDB refuses shows in what is left afterwards and, where they know different
ends, in Retry-After; so the model has what Redis knows too (`Memory`).

A chapter a module: `holding`, `proving`, `ending`, `calendar`, `telling`.
"""

from __future__ import annotations

from slotkeeper.domain.booking import BookingStatus
from tests.model.calendar import Calendar
from tests.model.ending import Ending
from tests.model.holding import Holding
from tests.model.proving import Proving
from tests.model.telling import Telling
from tests.model.things import Hold


class Model(Holding, Proving, Ending, Calendar, Telling):
    """All of it, and what can be seen of it."""

    def free(self, doctor: str) -> list[str]:
        found = (slot for slot in self.slots.values() if slot.doctor == doctor)
        free = [slot for slot in found if self._is_free(slot) and self.now < slot.start]
        return [slot.id for slot in sorted(free, key=lambda slot: slot.start)]

    def has_to_sweep(self) -> bool:
        return any(self._is_lapsed(slot) or slot.facts for slot in self.slots.values())

    def has_to_relay(self) -> bool:
        untold = any(slot.facts for slot in self.slots.values())
        return untold or any(not notice.is_sent for notice in self.outbox.values())

    def live_hold(self, slot_id: str) -> Hold | None:
        return self.slots[slot_id].live_hold(self.now)

    def hold_of(self, attempt: str) -> Hold | None:
        return self._live_hold_of(attempt, self._slot_of(attempt))

    def is_confirmed(self, id_: str) -> bool:
        booking = self.bookings.get(id_)
        return booking is not None and booking.status is BookingStatus.CONFIRMED
