"""Slots: held, booked, given back, blocked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.booking import Booking, BookingChange
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.domain.payment import Saga
    from slotkeeper.domain.slot import FreeSlot, Slot
    from slotkeeper.domain.user import Channel
    from slotkeeper.ports.pages import Position


class SlotDecision(Value, kw_only=True):
    """A slot after an attempt to change it, and the database's `now` at that instant.

    `made` tells whether this very request made the change; otherwise the slot is as it was.
    `event` is the fact the change recorded in the slot, if it was made and tells one.
    """

    slot: Slot
    now: datetime
    made: bool
    event: DomainEvent | None = None
    facts: Sequence[DomainEvent] = ()
    """All facts of the slot that are not known to be recorded, `event` among them, oldest first."""


class SlotFilter(Value, kw_only=True):
    """Free slots of one doctor: a date in the doctor's zone, or start times in `[start, end)`."""

    doctor_id: str
    date: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class SlotStore(Protocol):
    def place_hold(
        self,
        slot_id: str,
        *,
        attempt_id: str,
        user_id: str,
        channel: Channel | None,
        request_id: str,
        replaces: str | None = None,
    ) -> SlotDecision:
        """Reserve the slot if it is free or its hold is over. Raises NotFound."""
        ...

    def share_hold(self, slot_id: str, *, attempt_id: str) -> bool:
        """Whether the attempt's hold is there: who placed it does not undo it from now on."""
        ...

    def undo_hold(self, slot_id: str, *, attempt_id: str, request_id: str) -> bool:
        """Take back the hold that this very request placed, if it did; tells no event.

        False if it placed one that stays, since another request shares it.
        """
        ...

    def find_attempt(self, attempt_id: str) -> SlotDecision | None:
        """The slot that this attempt reserves or has booked a moment ago (`made` is False).

        Without the slot's id, so off the critical path.
        """
        ...

    def count_try(self, slot_id: str, *, attempt_id: str, user_id: str) -> SlotDecision:
        """Count a wrong code against the attempt's live hold. Raises NotFound."""
        ...

    def count_send(
        self, slot_id: str, *, attempt_id: str, user_id: str, request_key: str
    ) -> SlotDecision:
        """Count a resend and start a new code's life, if allowed by now. Raises NotFound.

        `made` also where the newest code is the one that this very request, sent again, asked for.
        """
        ...

    def undo_send(self, slot_id: str, *, attempt_id: str, sends: int) -> None:
        """Give back the send that made the count `sends`: its code was never queued."""
        ...

    def confirm(
        self,
        slot_id: str,
        *,
        attempt_id: str,
        user_id: str,
        send_number: int,
        booking_id: str,
        request_id: str,
    ) -> SlotDecision:
        """Reserved to booked, if the hold and its code live: the decision. Raises NotFound.

        Not for a hold that replaces a booking: `BookedSlots.swap`.
        """
        ...

    def release(
        self, slot_id: str, *, attempt_id: str, user_id: str, request_id: str, actor: str
    ) -> SlotDecision:
        """Free the slot from this attempt's live hold; `actor` does. Raises NotFound."""
        ...

    def expire_due(self, *, limit: int, request_id: str) -> int:
        """Free up to `limit` slots whose hold is over; how many were found due."""
        ...

    def unrecorded(self, *, limit: int) -> Sequence[tuple[Slot, DomainEvent]]:
        """Facts of up to `limit` slots, not yet known to be in outbox and audit log.

        What cannot be read is set aside (docs/reliability.md), here and in `expire_due`.
        """
        ...

    def set_refused_aside(self, facts: Sequence[DomainEvent]) -> None:
        """The database refuses these facts: set aside those it has refused for long."""
        ...

    def mark_recorded(self, facts: Sequence[DomainEvent]) -> None:
        """These facts are in outbox and audit log."""
        ...

    def find(self, slot_ids: Sequence[str]) -> Sequence[Slot]: ...

    def free_slots(
        self, wanted: SlotFilter, *, now: datetime, after: Position | None, skip: int, limit: int
    ) -> Sequence[FreeSlot]:
        """Slots that could be held at `now`, by start time."""
        ...

    def count_free(self, wanted: SlotFilter, *, now: datetime) -> int: ...

    def first_release(self, wanted: SlotFilter, *, now: datetime) -> datetime | None:
        """When the first hold ends on a slot that is wanted; None where none is held."""
        ...


class Swap(Value):
    """What became of a booking and the one that takes its place; nothing or all of it happened.

    Both decisions were made, or one of them says why nothing was: `new` that the hold could not be
    confirmed, `old` (then without `new`) that the old booking could not give way. Neither is there
    where the old booking's slot is gone.
    """

    new: SlotDecision | None
    old: SlotDecision | None


class BookedSlots(Protocol):
    """Slots that are booked, and stop being so."""

    def give_back(
        self, booking: Booking, asked: BookingChange, *, ahead: timedelta | None
    ) -> SlotDecision:
        """Take the slot from the booking if it starts more than `ahead` from now (None: whenever).

        The slot is `active` again if it has not begun, else `blocked`. `event` tells the change,
        whoever made it. Raises NotFound.
        """
        ...

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
        """Confirm the hold and give back the old booking's slot, both bookings with it, or nothing.

        One transaction. Raises NotFound.
        """
        ...

    def swap_paid(self, saga: Saga, old: Booking, *, request_id: str) -> Swap:
        """The same of a hold whose code was accepted and whose payment is authorised."""
        ...


class SlotBlocks(Protocol):
    """Single slots that a clinic takes from its patients, and gives back."""

    def block(self, slot_id: str, *, actor: str, request_id: str) -> SlotDecision:
        """Active to blocked; a hold that is over is no hold. Raises NotFound."""
        ...

    def unblock(self, slot_id: str, *, actor: str, request_id: str) -> SlotDecision:
        """Blocked to active. Raises NotFound."""
        ...
