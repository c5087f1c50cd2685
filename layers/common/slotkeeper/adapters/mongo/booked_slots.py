"""Booked slots: given back when their booking is cancelled, rescheduled or replaced."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from pymongo.client_session import ClientSession
from pymongo.database import Database

from slotkeeper.adapters.mongo.change import (
    NEXT_VERSION,
    Expression,
    all_of,
    change,
    confirmation,
    decided,
    from_now,
    literal,
    paid_confirmation,
    with_fact,
)
from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import (
    BOOKINGS,
    SLOTS,
    Document,
    booking_change,
    booking_document,
)
from slotkeeper.adapters.mongo.transaction import in_transaction
from slotkeeper.domain.booking import (
    RESCHEDULE,
    Booking,
    BookingChange,
    BookingStatus,
    booking_of,
)
from slotkeeper.domain.errors import NotFound
from slotkeeper.domain.slot import CONFIRM, SlotStatus
from slotkeeper.ports.slots import SlotDecision, Swap

if TYPE_CHECKING:
    from slotkeeper.domain.payment import Saga
    from slotkeeper.domain.policy import BookingPolicy


class _OldStays(Exception):
    """The old booking cannot give way: nothing may change."""

    def __init__(self, decision: SlotDecision | None):
        self.decision = decision


class MongoBookedSlots:
    """`BookedSlots` on the collections `slots` and `bookings`."""

    def __init__(self, database: Database[Document], policy: BookingPolicy):
        self._slots = database[SLOTS]
        self._bookings = database[BOOKINGS]
        self._client = database.client
        self._policy = policy

    def give_back(
        self, booking: Booking, asked: BookingChange, *, ahead: timedelta | None
    ) -> SlotDecision:
        with call():
            return self._give_back(booking, asked, ahead)

    def _give_back(
        self,
        booking: Booking,
        asked: BookingChange,
        ahead: timedelta | None,
        *,
        replaced_by: str | None = None,
        session: ClientSession | None = None,
    ) -> SlotDecision:
        document = self._change(
            booking.slot_id,
            can_be_given_back(booking, ahead),
            {
                # Nobody can book a slot that has begun.
                "status": {
                    "$cond": [
                        {"$gt": ["$startTime", "$$NOW"]},
                        SlotStatus.ACTIVE,
                        SlotStatus.BLOCKED,
                    ]
                },
                "version": NEXT_VERSION,
                "bookingId": "$$REMOVE",
                "pendingEvents": with_fact(_fact(booking, asked, replaced_by)),
            },
            session,
        )
        event = asked.transition.event
        return decided(document, event, asked.request_id, booking_id=booking.id)

    def swap(
        self,
        slot_id: str,
        old: Booking,
        *,
        attempt_id: str,
        send_number: int,
        booking_id: str,
        request_id: str,
    ) -> Swap:
        confirming = confirmation(
            attempt_id=attempt_id,
            user_id=old.user_id,
            send_number=send_number,
            booking_id=booking_id,
            replaces=old.id,
            request_id=request_id,
            max_tries=self._policy.max_tries,
        )
        return self._swap(slot_id, old, confirming, attempt_id, request_id)

    def swap_paid(self, saga: Saga, old: Booking, *, request_id: str) -> Swap:
        confirming = paid_confirmation(
            attempt_id=saga.id,
            user_id=old.user_id,
            booking_id=saga.booking_id,
            replaces=old.id,
            request_id=request_id,
            price=saga.price,
        )
        return self._swap(saga.slot_id, old, confirming, saga.id, request_id)

    def _swap(
        self,
        slot_id: str,
        old: Booking,
        confirming: tuple[Expression, dict[str, Expression]],
        attempt_id: str,
        request_id: str,
    ) -> Swap:
        can, changes = confirming
        window = self._policy.reschedule_window
        asked = BookingChange(
            transition=RESCHEDULE,
            actor=old.user_id,
            request_id=request_id,
            request_key=attempt_id,
            reason=None,
        )

        def both(session: ClientSession) -> Swap:
            document = self._change(slot_id, can, changes, session)
            new = decided(document, CONFIRM.event, request_id, attempt_id=attempt_id)
            if new.event is None or not new.made:
                return Swap(new=new, old=None)
            try:
                given_back = self._give_back(
                    old, asked, window, replaced_by=new.event.booking_id, session=session
                )
            except NotFound as gone:
                # Free since the booking ended, and removed by the clinic.
                raise _OldStays(None) from gone
            if given_back.event is None or not given_back.made:
                raise _OldStays(given_back)
            booking = booking_of(new.slot, new.event)
            self._bookings.insert_one(booking_document(booking), session=session)
            old_key = {"_id": old.id, "doctorId": old.doctor_id, "status": BookingStatus.CONFIRMED}
            done = self._bookings.update_one(
                old_key, booking_change(given_back.event), session=session
            )
            if done.matched_count != 1:
                raise _OldStays(given_back)
            return Swap(new=new, old=given_back)

        try:
            with call():
                return in_transaction(self._client, both)
        except _OldStays as stays:
            return Swap(new=None, old=stays.decision)

    def _change(
        self,
        slot_id: str,
        condition: Expression,
        changes: Mapping[str, Expression],
        session: ClientSession | None,
    ) -> Document:
        return change(self._slots, slot_id, condition, changes, session)


def can_be_given_back(booking: Booking, ahead: timedelta | None) -> Expression:
    """The slot is this booking's, and starts more than `ahead` from now (None: whenever)."""
    is_booked = all_of(
        {"$eq": ["$status", SlotStatus.BOOKED]}, {"$eq": ["$bookingId", literal(booking.id)]}
    )
    if ahead is None:
        return is_booked
    return all_of(is_booked, {"$gt": ["$startTime", from_now(ahead)]})


def _fact(booking: Booking, asked: BookingChange, replaced_by: str | None) -> dict[str, Expression]:
    return {
        "type": asked.transition.event,
        "attemptId": literal(booking.attempt_id),
        "userId": literal(booking.user_id),
        "bookingId": literal(booking.id),
        "from": BookingStatus.CONFIRMED,
        "to": asked.transition.target,
        "actor": literal(asked.actor),
        "requestId": literal(asked.request_id),
        "requestKey": literal(asked.request_key),
        "replacedBy": literal(replaced_by),
        "reason": literal(asked.reason),
    }
