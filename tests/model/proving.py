"""A patient proves themselves by a code, has it sent again, or lets the slot go."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from slotkeeper.domain.attempt import booking_id
from slotkeeper.domain.booking import Booking
from tests.model.memory import Code
from tests.model.refused import Refused, seconds
from tests.model.state import State
from tests.model.things import ENDS, CodeMessage, Hold, Slot


class Proving(State):
    def verify(self, user: str, attempt: str, guess: str, *, is_right: bool) -> Booking:
        """The booking; `is_right` of the code that is computed from what Redis has."""
        self._ensure_theirs(user, attempt)
        code = self.memory.codes.get(attempt)
        if code is None:
            # Booked, over, or lost with Redis: whatever the code, nothing is told of it.
            slot = self._slot_of(attempt)
            self._complete(slot, attempt)
            return self._booked_or_refused(slot, attempt)
        code.calls += 1
        failures = self.memory.failures.get(user)
        if failures and failures.count >= self.policy.max_failures_per_user:
            raise Refused("otp_locked", retry_in=seconds(failures.until - self.now))
        if code.calls > self.policy.max_calls:
            raise Refused("otp_locked", retry_in=seconds(code.until - self.now))
        if guess not in code.guessed:
            if code.guesses < self.policy.max_tries:
                code.guesses += 1
                code.guessed.add(guess)
            else:
                is_right = False  # not even compared
        slot = self.slots.get(code.slot)
        hold = self._live_hold_of(attempt, slot)
        is_counted = False
        if not is_right:
            self.memory.fail(user, self.now)
            self._fail(user)
            if hold is not None:
                is_counted = hold.tries < self.policy.max_tries
                hold.tries = min(hold.tries, self.policy.max_tries) + 1
        else:
            if slot is not None and hold is not None:
                self._confirm(slot, hold, code)
            self._complete(slot, attempt)
        return self._booked_or_refused(slot, attempt, is_counted=is_counted)

    def _confirm(self, slot: Slot, hold: Hold, code: Code) -> None:
        """The hold becomes a booking, together with the end of the one it replaces."""
        if hold.replaces is not None:
            self._record(slot, [fact for fact in slot.facts if fact.type in ENDS])
        is_good = code.number == hold.sends and self.now < hold.code_until
        if not is_good or hold.tries >= self.policy.max_tries:
            return
        new_id = booking_id(hold.attempt)
        if hold.replaces is not None:
            old = self.bookings[hold.replaces]
            old_slot = self.slots.get(old.slot_id)
            if old_slot is None or old_slot.booking != old.id:
                raise Refused("booking_not_confirmed")
            if not self._is_ahead(old_slot, self.policy.reschedule_window):
                raise Refused("too_late")
            ended = self._give_back(
                old_slot, old, "rescheduled", hold.user, hold.attempt, replaced_by=new_id
            )
            self._record(old_slot, [ended])
        slot.status, slot.booking, slot.hold = "booked", new_id, None
        slot.version += 1
        self._tell(
            slot, "booking.confirmed", ("reserved", "booked"), hold, booking=new_id, actor=hold.user
        )

    def _complete(self, slot: Slot | None, attempt: str) -> None:
        """A confirmation, made now or by a function that died since, is followed by all else."""
        confirmed = slot and slot.told("booking.confirmed", attempt_id=attempt)
        if slot and confirmed:
            # The end of the slot's earlier booking goes first, if that is still untold.
            self._record(slot, [f for f in slot.facts if f == confirmed or f.type in ENDS])
            self.memory.forget(confirmed.user_id, slot.id, attempt, proved=True)

    def _booked_or_refused(
        self, slot: Slot | None, attempt: str, *, is_counted: bool = False
    ) -> Booking:
        hold = self._live_hold_of(attempt, slot)
        if hold is None:
            if booking_id(attempt) not in self.bookings:
                raise Refused("hold_expired")
            return self.bookings[booking_id(attempt)]
        if hold.tries >= self.policy.max_tries and not is_counted:
            raise Refused("otp_locked", retry_in=seconds(hold.until - self.now))
        raise Refused("otp_invalid", tries_left=self.policy.max_tries - hold.tries)

    def confirm_and_die(self, attempt: str) -> None:
        """A function that dies as soon as the slot is booked."""
        code = self.memory.codes[attempt]
        slot = self.slots.get(code.slot)
        hold = self._live_hold_of(attempt, slot)
        if slot is not None and hold is not None:
            self._confirm(slot, hold, code)

    def resend(
        self, user: str, attempt: str, key: str, *, queue_is_up: bool = True
    ) -> tuple[str, datetime, datetime]:
        self._ensure_theirs(user, attempt)
        known = self.memory.codes.get(attempt)
        slot = self.slots.get(known.slot) if known else self._slot_of(attempt)
        hold = self._live_hold_of(attempt, slot)
        if slot is None or hold is None:
            raise Refused("hold_expired")
        if hold.resend_key != key:
            self._ensure_may_resend(hold)
            hold.previous = hold.sent_at, hold.code_until
            hold.sends += 1
            hold.resend_key = key
            hold.sent_at = self.now
            hold.code_until = min(self.now + self.policy.code_lifetime, hold.until)
        patient = self.patients[user]
        by = patient.channel_for_code(hold.channel)
        seed = known.seed if known else self._new_seed()
        code = Code(user, slot.id, seed, hold.sends, hold.code_until)
        try:
            self._ensure_codes_left(patient, by)
            self.memory.put_code(attempt, code, self.now, tries=hold.tries)
            if not queue_is_up:
                raise Refused("unavailable", retry_in=5)
        except Refused:
            # The earlier code is the newest again, and may be followed by another at once. So too
            # where the request is a repeated one, which may never have come so far before.
            put = self.memory.codes.get(attempt)
            if put is not None and put.number == hold.sends:
                put = replace(put, seed=seed, number=hold.sends - 1, until=hold.code_until)
                self.memory.put_code(attempt, put, self.now, tries=0)
            hold.sends, hold.resend_key = hold.sends - 1, None
            assert hold.previous is not None
            hold.sent_at, hold.code_until = hold.previous
            raise
        self.codes_queued.append(CodeMessage(attempt, user, by, hold.sends))
        return self._sent(hold, by)

    def _ensure_may_resend(self, hold: Hold) -> None:
        if hold.tries >= self.policy.max_tries:
            raise Refused("otp_locked", retry_in=seconds(hold.until - self.now))
        if hold.sends >= self.policy.max_sends:
            raise Refused("rate_limited", retry_in=seconds(hold.until - self.now))
        again_at = hold.sent_at + self.wait_after(hold)
        if self.now < again_at:
            raise Refused("rate_limited", retry_in=seconds(again_at - self.now))

    def release(self, user: str, attempt: str) -> None:
        self._ensure_theirs(user, attempt)
        slot = self._slot_of(attempt)
        hold = self._live_hold_of(attempt, slot)
        if slot is None or hold is None:
            raise Refused("hold_expired")
        slot.status, slot.hold = "active", None
        slot.version += 1
        released = self._tell(slot, "hold.released", ("reserved", "active"), hold, actor=user)
        self._record(slot, [f for f in slot.facts if f == released or f.type in ENDS])
        self.memory.forget(user, slot.id, attempt, proved=False)
