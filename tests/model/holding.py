"""A patient holds a slot."""

from __future__ import annotations

from slotkeeper.domain.attempt import attempt_id, booking_id
from slotkeeper.domain.booking import BookingStatus
from tests.model.memory import Admitted, Ticket
from tests.model.refused import Refused, seconds
from tests.model.state import State
from tests.model.things import CodeMessage, Held, Hold, Slot


class Holding(State):
    def ticket(
        self, user: str, slot_id: str, key: str, channel: str | None, replaces: str | None
    ) -> Ticket:
        attempt = attempt_id(user, key, slot_id)
        self.owners[attempt] = user
        return Ticket(user, key, slot_id, attempt, asked=(slot_id, channel, replaces))

    def hold(
        self,
        user: str,
        slot_id: str,
        key: str,
        channel: str | None = None,
        replaces: str | None = None,
        *,
        queue_is_up: bool = True,
    ) -> Held:
        ticket = self.ticket(user, slot_id, key, channel, replaces)
        got = self.memory.admit(ticket, self.now)
        if got.request is not None and got.request.asked == ticket.asked and got.request.answer:
            self.memory.withdraw(ticket, got)
            answer: Held = got.request.answer
            return answer
        try:
            self.memory.refuse_unless_admitted(ticket, got, self.now)
            return self._hold(ticket, got, channel, replaces, queue_is_up=queue_is_up)
        except Refused:
            self.memory.withdraw(ticket, got)
            raise

    def _hold(
        self,
        ticket: Ticket,
        got: Admitted,
        channel: str | None,
        replaces: str | None,
        *,
        queue_is_up: bool,
    ) -> Held:
        slot = self.slots.get(ticket.slot)
        if slot is None:
            raise Refused("not_found")
        made = self._place(slot, ticket, channel, replaces)
        hold = slot.live_hold(self.now)
        if hold is None or hold.user != ticket.user:
            raise self._not_to_be_had(slot)
        try:
            self._ensure_may_hold(slot, hold, ticket, got, replaces)
            patient = self.patients[ticket.user]
            by = patient.channel_for_code(hold.channel)
            if made:
                self._ensure_codes_left(patient, by)
            # A seed that outlived a request that died: its code was perhaps never queued.
            if made or (hold.attempt == ticket.attempt and not got.took_code):
                if not queue_is_up:
                    raise Refused("unavailable", retry_in=5)
                self.codes_queued.append(CodeMessage(hold.attempt, ticket.user, by, hold.sends))
        except Refused:
            if made:
                slot.status, slot.hold = "active", None
                slot.version += 1
            raise
        answer = Held(hold.attempt, slot.id, hold.until, self.now, self._sent(hold, by))
        self.memory.complete(ticket, answer, hold.attempt, hold.until, self.now)
        if hold.attempt != ticket.attempt:
            # Their own slot again, under another key: the same attempt, with its old end.
            self.memory.give_back(ticket, got)
        return answer

    def _place(self, slot: Slot, ticket: Ticket, channel: str | None, replaces: str | None) -> bool:
        if not self._is_free(slot) or slot.start <= self.now:
            return False
        self._lapse(slot)
        slot.status = "reserved"
        slot.version += 1
        slot.hold = Hold(
            user=ticket.user,
            attempt=ticket.attempt,
            until=self.now + self.policy.hold,
            channel=channel,
            replaces=replaces,
            sent_at=self.now,
            code_until=self.now + min(self.policy.code_lifetime, self.policy.hold),
        )
        return True

    def _not_to_be_had(self, slot: Slot) -> Refused:
        if slot.start <= self.now:
            return Refused("slot_in_past")
        return self._is_somebody_s(slot) or Refused("slot_unavailable")

    def _ensure_may_hold(
        self, slot: Slot, hold: Hold, ticket: Ticket, got: Admitted, replaces: str | None
    ) -> None:
        if hold.attempt == ticket.attempt and booking_id(ticket.attempt) in self.bookings:
            raise Refused("idempotency_key_reused")
        if hold.replaces != replaces:
            raise Refused("slot_held", retry_in=seconds(hold.until - self.now))
        if replaces is not None:
            old = self.bookings.get(replaces)
            if old is None or old.user_id != ticket.user:
                raise Refused("not_found")
            if old.status is not BookingStatus.CONFIRMED:
                raise Refused("booking_not_confirmed")
            if old.start_time - self.now <= self.policy.reschedule_window:
                raise Refused("too_late")
        booked = [
            (booking.start_time, booking.end_time)
            for booking in self.bookings.values()
            if booking.user_id == ticket.user
            and booking.status is BookingStatus.CONFIRMED
            and booking.id != replaces
        ]
        # What else they hold only Redis knows: lost with it, as the cap on holds is.
        others = [self.slots[id_] for id_ in got.others if id_ in self.slots and id_ != slot.id]
        held = [(other.start, other.end) for other in others]
        if any(slot.overlaps(start, end) for start, end in booked + held):
            raise Refused("slot_unavailable")

    def hold_and_die(self, user: str, slot_id: str, key: str) -> None:
        """A function that dies as soon as MongoDB has decided."""
        ticket = self.ticket(user, slot_id, key, None, None)
        got = self.memory.admit(ticket, self.now)
        if got.request is None and got.took_lock and got.took_place and slot_id in self.slots:
            self._place(self.slots[slot_id], ticket, None, None)
