"""A booking is cancelled or rescheduled."""

from __future__ import annotations

from datetime import timedelta

from slotkeeper.domain.booking import Booking, BookingStatus
from tests.model.refused import Refused
from tests.model.state import State


class Ending(State):
    def cancel(self, caller: str, id_: str, expected: int | None, key: str) -> Booking:
        booking = self._seen(caller, id_)
        if booking.status is BookingStatus.CANCELLED:
            if expected not in {None, booking.version, booking.version - 1}:
                raise Refused("precondition_failed")
            return booking
        ahead = self.policy.cancel_window if caller in self.patients else None
        return self._end(caller, booking, "cancelled", ahead, expected, key)

    def reschedule(self, caller: str, id_: str, expected: int | None, key: str) -> Booking:
        booking = self._seen(caller, id_)
        if booking.status is BookingStatus.RESCHEDULED and booking.changed_by == key:
            return booking
        ahead = self.policy.reschedule_window
        ended = self._end(caller, booking, "rescheduled", ahead, expected, key)
        if ended.changed_by != key:
            raise Refused("booking_not_confirmed")
        return ended

    def _seen(self, caller: str, id_: str) -> Booking:
        booking = self.bookings.get(id_)
        if booking is None:
            raise Refused("not_found")
        is_clinic_s = self.clinics.get(caller) == self.clinics[booking.doctor_id]
        if booking.user_id != caller and not is_clinic_s:
            raise Refused("not_found")
        return booking

    def _end(
        self,
        caller: str,
        booking: Booking,
        status: str,
        ahead: timedelta | None,
        expected: int | None,
        key: str,
    ) -> Booking:
        if expected not in {None, booking.version}:
            raise Refused("precondition_failed")
        if booking.status is not BookingStatus.CONFIRMED:
            raise Refused("booking_not_confirmed")
        slot = self.slots.get(booking.slot_id)
        if slot is None:
            raise Refused("booking_not_confirmed")
        if slot.booking == booking.id:
            if not self._is_ahead(slot, ahead):
                raise Refused("too_late")
            self._give_back(slot, booking, status, caller, key)
        if slot.told(f"booking.{status}", booking_id=booking.id) is None:
            raise Refused("booking_not_confirmed")
        own = [fact for fact in slot.facts if fact.booking_id == booking.id]
        self._record(slot, own, is_booked=True)
        return self.bookings[booking.id]

    def end_and_die(self, caller: str, id_: str, status: str, key: str) -> None:
        """A function that dies as soon as the slot is given back."""
        booking = self.bookings[id_]
        slot = self.slots.get(booking.slot_id)
        if slot is not None and slot.booking == id_:
            self._give_back(slot, booking, status, caller, key)
